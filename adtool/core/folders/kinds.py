"""What the name of a folder says: good parts, a kind of defect, or only where and when pictures were taken."""

import re
import unicodedata
from collections.abc import Iterable

# Written as `_folded` writes them: small, without accents, blanks, hyphens and the like.
_GOOD = """
good goods ok okay okey pass passed passes normal normals free mtfree perfect flawless faultless intact undamaged
accept accepted acceptable
withoutdefect withoutdefects withoutfault anomalyfree faultfree errorfree normale normali normales
conforming nodefect nodefects defectfree freeofdefects nondefective nondefect notdefective noanomaly noanomalies
nonanomalous noerror nofault nonfaulty
io gut gute gutteil gutteile fehlerfrei fehlerlos keinefehler keinfehler ohnefehler ohnedefekt einwandfrei inordnung
bon bons bonne bonnes conforme conformes sansdefaut buono buoni buona buone conforme senzadifetti
bueno buenos buena buenas bien sindefecto sindefectos correcto correcta bom boa boas semdefeito semdefeitos aprovado
goed goedgekeurd zonderfout zonderfouten godkand godkant godkendt godkjent felfri bra hyva ehja virheeton dobry dobra
dobre dobar bezvad
bezwad
bezchyb jo megfelelo hibatlan bun buna iyi saglam kusursuz hatasiz baik bagus tot dat
хороший хорошие хорошая хорошее хорошо норма норм нормальный нормальные годен годный годные исправный исправные
бездефектов бездефекта добре добрий καλο καλα
良品 正常 合格 良好 良 好 好品 正常品 合格品 良品图 无缺陷 無缺陷 无瑕 無瑕 无瑕疵 無瑕疵 无异常 ok品 ok图
異常なし 欠陥なし 不良なし
정상 양품 합격 정상품 합격품 양호 무결점 ปกติ ดี जيد अच्छा سليم جيد תקין
"""
# Good to some, bad to others, or a thing of its own: never taken as good, but worth a question.
_PERHAPS = """
negative negativ negativo neg go unbroken uncracked unscratched clean fine healthy reference ref golden master train
nominal regular standard
"""
_BAD = """
ng nok nio nokay nogo nichtio nichtok nichtinordnung ko bad defect defective defected fail failed faulty fault error
reject rejected scrap broken break
breakdown crack cracked cracking scratch scratched hole dent dented stain stained spot rust rusty corrosion bent bend
cut
chip chipped burr bubble blowhole fray frayed uneven missing contamination contaminated damage damaged flaw flawed
dirt
dirty dust wrinkle wrinkled tear torn pit pitted pitting inclusion crazing misplaced misaligned deformed deformation
anomaly anomalous anomalies anomalie anomalia abnormal abnormality poke squeeze squeezed faultyimprint imprint fabric
fold folded glue
glued oil leak leaking porosity pore void groove ablation fracture melt melted burn burnt burned discoloration
discolored mismatch delamination peeling splinter worn wear notch foreign thread threads combined loose tilt tilted
kratzer riss risse loch locher fehler fehlerhaft schlecht defekt defekte ausschuss delle schlechtteil schlechtteile
rayure rayures fissure fissures trou defaut defauts mauvais mauvaise rebut graffio graffi crepa foro difetto difetti
difettoso scarto rasguno aranazo grieta agujero defecto defectos defectuoso malo mala rechazado risco trinca buraco
defeito defeitos ruim rejeitado kras barst gat fout afkeur repor spricka fel vada vady chyba blad zły złe zle wada
rysa hata
hatali
cizik catlak kusur cacat rusak loi
брак дефект дефекты царапина царапины трещина трещины
缺陷 不良 不可 不良品 不合格 不合格品 非正常 不正常 ng品 次品 异常 異常 裂纹 裂痕 裂紋 划痕 刮痕 劃痕 刮伤 划伤 孔 破损
破損 缺损 脏污 污点 污渍 凹痕 凹坑
傷 キズ きず 割れ 欠け 汚れ 欠陥 불량 불량품 비정상 불합격 결함 스크래치 균열 이상 오염 찍힘 파손
"""
# Days, shifts, cameras, lots: folders to keep order, not kinds of anything. With a number or a letter behind, or alone.
_NUMBERED_WORDS = (
    "line linie ligne linea linha station camera cam kamera shift schicht batch lot charge day tag week kw month run "
    "series serie session set part teil tray box machine maschine cell view side position pos cavity mold tool sample "
    "order group folder ordner dir img image images"
)
_ALONE_WORDS = (
    "images imgs pictures photos fotos bilder rgb left right front back early late night morning "
    "monday tuesday wednesday thursday friday saturday sunday "
    "montag dienstag mittwoch donnerstag freitag samstag sonntag "
    "january february march april may june july august september october november december"
)
_DATE = re.compile(r"(?:19|20)\d\d|\d{6}")
_DENIALS = (
    "n not no non un without kein keine nicht ohne zonder utan uden senza sans sin sem bez без не kaina ikke inte"
)
_NOT_IN_FRONT = "不非未無无没비불미"
_WORDS_TOGETHER = 3
_SHORTEST_WITH_PLURAL = 3  # the kos01 of KolektorSDD is not many KO


def _folded(name: str) -> str:
    """Small letters and figures alone, without accents."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(one for one in plain if one.isalnum())


GOOD = frozenset(map(_folded, _GOOD.split()))
PERHAPS = frozenset(map(_folded, _PERHAPS.split()))
BAD = frozenset(map(_folded, _BAD.split()))
_NUMBERED, _ALONE = frozenset(_NUMBERED_WORDS.split()), frozenset(_ALONE_WORDS.split())
_NOT = frozenset(_DENIALS.split())


def is_normal(kind: str) -> bool:
    """Whether a folder is called as people call the folder of good parts: `OK`, `i.O.`, `defect-free`, `良品`."""
    return _folded(kind) in GOOD


def sounds_normal(kind: str) -> bool:
    """Whether a name has such a word in it, not denied: `good_parts`, `OK_2024`, but not `not_good` or `不良品`."""
    words = words_of(kind)
    for start, word in enumerate(words):
        if start and words[start - 1] in _NOT:
            if _is_bad(word):
                return True
            continue
        together = ("".join(words[start : start + count]) for count in range(1, _WORDS_TOGETHER + 1))
        if word in PERHAPS or any(one in GOOD and one not in BAD for one in together):
            return True
    return any(_has_undenied(unicodedata.normalize("NFKC", kind), one) for one in _GOOD.split() if _is_east_asian(one))


def is_defect(kind: str) -> bool:
    """Whether a name has the word of a defect in it, or denies a good one: `NG`, `scratch_big`, `Not OK`, `裂纹`."""
    if is_normal(kind):
        return False
    words, written = words_of(kind), unicodedata.normalize("NFKC", kind)
    if _folded(kind) in BAD or any(one in written for one in _BAD.split() if _is_east_asian(one)):
        return True
    pairs = list(zip(["", *words], words, [*words[1:], ""], strict=False))
    bad = any(_is_bad(word) and before not in _NOT and after != "free" for before, word, after in pairs)
    return bad or any(word in GOOD and before in _NOT for before, word, _ in pairs)


def is_place(name: str) -> bool:
    """Whether a name only keeps order, by day, line or camera: `2026-11-27`, `line1`, `camera_A`, `lot 12 b`."""
    if is_normal(name) or is_defect(name):
        return False
    words = words_of(name)
    names = [word for word in words if len(word) > 1 and not word.isdecimal()]
    if not names:
        figures = ["".join(words)] if all(word.isdecimal() for word in words) else words  # u16_65535 is no day
        return any(_DATE.search(one) for one in figures)
    return all(word in _NUMBERED | _ALONE for word in names) and (
        len(names) < len(words) or any(word in _ALONE for word in names)
    )


def normal_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Those of some kinds that are called normal."""
    return frozenset(kind for kind in kinds if is_normal(kind))


def _is_bad(word: str) -> bool:
    singular = {word.removesuffix(one) for one in ("s", "es")}
    return word in BAD or any(len(one) >= _SHORTEST_WITH_PLURAL and one in BAD for one in singular)


def words_of(name: str) -> list[str]:
    """The words of a name, folded: parted by what is no letter, by figures, and where small letters meet a capital."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found = re.findall(r"[^\W\d_]+|\d+", unicodedata.normalize("NFKC", parted))
    return [_folded(word) for word in found]


def _is_east_asian(word: str) -> bool:
    return any(one > "\u2e80" for one in word)


def _has_undenied(text: str, word: str) -> bool:
    if len(word) == 1:  # 好 and 良 are parts of too many words
        return False
    places = [match.start() for match in re.finditer(re.escape(word), text)]
    return any(not place or text[place - 1] not in _NOT_IN_FRONT for place in places)
