"""What every command says of a folder that it read: files that it did not read, and why; folders with doubtful names.

`check` has the same as findings, so that both name the same files and the same numbers.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from adtool.core import layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks.findings import ERROR, Finding, Rule
from adtool.core.errors import BadDataError
from adtool.core.folders import kinds
from adtool.core.folders.listing import Listing, shown, subfolders
from adtool.core.folders.suffixes import NOTE_SUFFIXES, UNREADABLE_PICTURES, counted

TRUTH_NAMES = ("groundtruth", "groundtruths", "gt", "mask", "masks", "label", "labels", "annotations")
SNIFFED = 100  # files whose first bytes are looked at

log = logging.getLogger("adtool")


def of(rule: Rule, cases: Iterable[object]) -> list[Finding]:
    """A finding of a folder that is not yet a category; none without cases."""
    named = tuple(shown(case) if isinstance(case, Path) else str(case) for case in cases)
    return [Finding(rule, "", named)] if named else []


def of_listing(found: Listing) -> list[Finding]:
    """What is to be said of the files of a folder."""
    pictures = unread_pictures(found.others)
    disguised = [path for path in pictures if path.suffix.lower() not in UNREADABLE_PICTURES]
    said = of(rules.FILE_UNREAD, found.others)
    said = [replace(one, rule=_counting(rules.FILE_UNREAD, found.others)) for one in said]
    if len(pictures) > len(found.images):
        what = f"of a type that can't be read ({counted(pictures)}), more than the {len(found.images)} that can"
        said[:0] = of(replace(rules.MOSTLY_UNREAD, what=what), pictures)
    return [
        *said,
        *of(rules.IMAGE_BY_CONTENT, disguised),
        *of(rules.NOT_OPENED, found.closed),
        *of(rules.LINK_BROKEN, found.broken),
        *of(rules.SPECIAL_FILE, found.special),
        *of(rules.NAME_UNUSABLE, found.nameless),
    ]


def _counting(rule: Rule, paths: Sequence[Path]) -> Rule:
    return replace(rule, what=f"not read ({counted(list(paths))})")


def unread_pictures(others: Sequence[Path]) -> list[Path]:
    """Those of some files that are pictures, by their suffix or, where that says nothing, by their first bytes."""
    doubtful = [path for path in others if path.suffix.lower() not in UNREADABLE_PICTURES | NOTE_SUFFIXES]
    looked_at = set(doubtful[:SNIFFED])
    return [
        path
        for path in others
        if path.suffix.lower() in UNREADABLE_PICTURES or (path in looked_at and _is_picture(path))
    ]


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False


def of_folders(learned: Listing, tested: Listing, truth: Listing) -> list[Finding]:
    """What is to be said of the files in the folders of a category; folders that are not there are empty."""
    said = [one for part in (learned, tested) for one in of_listing(part)]
    return merged([*said, *(one for one in of_listing(truth) if one.rule.severity != ERROR)])


def of_masks_among(masks: Iterable[Path], left_out: Iterable[Path]) -> list[Finding]:
    """What is to be said of masks that lie among the images to test, and of what is no image anywhere."""
    return [*of(rules.MASK_AMONG_IMAGES, sorted(masks)), *of(rules.NO_IMAGE, sorted(left_out))]


def of_painted(images: Iterable[Path]) -> list[Finding]:
    """What is to be said of images of normal parts whose masks mark defects."""
    return of(rules.DEFECT_AMONG_NORMAL, images)


def of_misnamed_truth(root: Path) -> list[Finding]:
    """A doubt where a category has no ground_truth/, but a folder that is nearly called so, or masks/."""
    if (root / layout.GROUND_TRUTH).exists():
        return []
    return of(rules.MASKS_UNREAD, (sub for sub in subfolders(root) if _letters(sub.name) in TRUTH_NAMES))


def _letters(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalpha())


def of_kinds(names: Iterable[str], normal: Iterable[str], where: Path) -> list[Finding]:
    """A doubt where no kind is normal, but the name of one says something like it."""
    there = set(names)
    if there & set(normal):
        return []
    doubtful = sorted(name for name in there if kinds.sounds_normal(name))
    if not doubtful:
        return []
    do = f"If it is: --normal-kinds {doubtful[0]!r} of adtool prep, or call its folder good."
    return of(replace(rules.KIND_MAYBE_NORMAL, do=do), [where / name for name in doubtful])


def of_plain(root: Path, names: Iterable[str], taken: Iterable[str]) -> list[Finding]:
    """Folders of test images that were not taken as kinds.

    Args:
        root: they lie in.
        names: of them.
        taken: the kinds that their images got.
    """
    known = sorted(set(taken) - {layout.UNKNOWN_KIND})
    rest = " or unknown" if layout.UNKNOWN_KIND in taken else ""
    told = (
        f"of the kind that a folder inside or their masks say: {', '.join(known)}{rest}" if known else "of unknown kind"
    )
    do = f"Their images are {told}. If it is a kind of defect: `adtool prep folder --kinds-from-folders`."
    return of(replace(rules.FOLDER_NO_KIND, do=do), [root / name for name in sorted(names)])


def of_learned(names: Iterable[str], masked: Iterable[str], where: Path) -> list[Finding]:
    """A doubt where folders of images to learn from are not called normal.

    Args:
        names: of the folders.
        masked: kinds of test images that have masks.
        where: the folders lie.
    """
    there = set(names)
    strange = {name for name in there if not kinds.is_normal(name) and not kinds.is_place(name)}
    strange -= {layout.UNKNOWN_KIND}  # directly in the folder
    # One folder may have any name; several, or one that the tests call a defect, are suspicious.
    if len(there) > 1 or strange & set(masked):
        return of(rules.TRAIN_KINDS, sorted(where / name for name in strange))
    return []


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding of each code."""
    found: dict[str, Finding] = {}
    for one in findings:
        code = one.rule.code
        seen = found.get(code)
        if seen is None:
            found[code] = one
            continue
        cases = tuple(dict.fromkeys((*seen.cases, *one.cases)))
        rule = one.rule if one.rule.severity == ERROR else seen.rule
        if code == rules.FILE_UNREAD.code:
            rule = _counting(rule, [Path(case) for case in cases])
        found[code] = replace(seen, rule=rule, cases=cases)
    return list(found.values())


def say(findings: Iterable[Finding], *, refuse: bool = True) -> None:
    """Warn of everything, each thing once.

    Raises:
        BadDataError: something is wrong that makes the folder useless, and `refuse`.
    """
    every = merged(findings)
    for one in every:
        if one.rule.severity == ERROR and refuse:
            raise BadDataError(one.sentence())
    for one in every:
        log.warning("%s", one.sentence())
