"""Deciding again from maps that are there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adtool.core import files, layout
from adtool.core.errors import LockedError, MissingInputError, PartialFailureError
from adtool.core.limits import evidence, keeping, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.steps import locks, notes
from adtool.decide.config import DecideConfig
from adtool.decide.step import run

OLD = Path(__file__).parents[1] / "old_workspace"
FOLDER = Path("maps/bolt")


def write_maps(name: str = "bolt", out: str = "maps", *, known: bool = True, count: int = 100) -> Path:
    """Maps as far as a decision needs them: half of the parts are defective, and score a little higher."""
    rng, folder = np.random.default_rng(0), Path(out, name)
    scores = np.concatenate([rng.gamma(9, size=count), rng.gamma(9, size=count) + 8]).round(6)
    table = [{"id": f"test/x/{i:03}", "kind": "x", "image_score": s, "decision": ""} for i, s in enumerate(scores)]
    files.write_csv(folder / "images.csv", layout.IMAGES_COLUMNS, table)
    if known:
        normals = [NormalScore(f"train/good/{i:03}", s, str(i)) for i, s in enumerate(rng.gamma(9, size=90).round(6))]
        painted = [PaintedScore(f"train/good/{i:03}", "spot", 0.01, s) for i, s in enumerate(rng.gamma(9, size=40) + 8)]
        evidence.write(folder, Evidence(normals, painted))
    notes.write(folder, {"command": "maps", "settings": {}, "seed": 0, "inputs": {}, "result": {}}, notes.DONE)
    return folder


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


@pytest.fixture
def maps():
    return write_maps()


def decide(**settings: object):
    return run(DecideConfig(**settings))


def decisions_of(folder: Path = FOLDER) -> list[str]:
    return [row["decision"] for row in files.read_csv(folder / "images.csv")]


def scores_of(folder: Path = FOLDER) -> list[float]:
    return [float(row["image_score"]) for row in files.read_csv(folder / "images.csv")]


@pytest.mark.parametrize("asked", [{"false_alarms": 0.02}, {"at": 15.25}, {"found": 0.9}])
def test_a_limit_is_chosen_and_every_part_decided_by_it(maps, asked):
    outcome = decide(**asked)
    limit = limit_file.read(FOLDER)
    assert (limit.rule, limit.asked, limit.set_by) == (*next(iter(asked.items())), "decide")
    assert decisions_of() == ["NOK" if score > limit.value else "OK" for score in scores_of()]
    [said] = outcome.document["categories"]
    assert said["rejected"] == decisions_of().count("NOK") > 0
    assert said["limit"]["value"] == limit.value
    assert f"bolt: {said['rejected']} of 200 parts NOK" in outcome.notes[0]
    if "found" in asked:
        assert limit.expected.found >= 0.9


@pytest.mark.slow
def test_every_number_of_the_table_can_be_typed_back(maps, adtool):
    shown = adtool("decide", "--at", "15.25")
    assert shown.code == 0, shown.err
    lines = [re.split(r" *│ *", line.strip()) for line in shown.out.splitlines() if line.startswith("bolt ")]
    assert len(lines) == 7
    for _, limit, option, rejected, parts, rates, found, *_ in lines:
        assert parts == "200"
        share = rates.split()[0]
        for words in (["--at", limit], option.replace(" (now)", "").split(), ["--false-alarms", share]):
            assert adtool("decide", *words).code == 0
            assert decisions_of().count("NOK") == int(rejected), words
        if found not in ("all", "none"):
            assert adtool("decide", "--found", found).code == 0
            assert round(limit_file.read(FOLDER).expected.found, 3) >= float(found)


def test_without_an_option_nothing_is_changed_and_the_limit_in_force_is_shown(maps, adtool):
    decide(at=14)
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    shown = adtool("decide")
    assert "--at 14.0 (now)" in shown.out
    assert "Nothing was chosen" in shown.out
    assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before


def test_what_a_kill_left_between_limit_and_decisions_is_mended_by_the_same_command(maps, monkeypatch):
    decide(at=1e9)
    real = files.write_csv
    monkeypatch.setattr(files, "write_csv", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        decide(at=0)
    assert set(decisions_of()) == {"OK"}
    assert limit_file.read(FOLDER).value == 0
    monkeypatch.setattr(files, "write_csv", real)
    decide()
    assert set(decisions_of()) == {"NOK"}


def test_categories_are_chosen_and_one_that_can_not_be_decided_does_not_stop_the_others(maps):
    write_maps("nut", known=False)
    outcome = decide(false_alarms=0.02)
    assert outcome.done == ["bolt"]
    with pytest.raises(PartialFailureError, match=r"nut: maps/nut: --false-alarms 0\.02 can't be had"):
        outcome.raise_failures()
    outcome = decide(category=("nut",), at=12)
    assert outcome.done == ["nut"]
    assert limit_file.read(FOLDER).rule == "false_alarms"
    assert any("2 categories, whose scores may not compare" in note for note in decide(at=12).notes)


def test_maps_from_elsewhere_can_be_decided_with_a_limit_and_nothing_else():
    write_maps(known=False)
    outcome = decide(at=15)
    assert "how many good parts it rejects is not known" in outcome.notes[0]
    for asked in ({"false_alarms": 0.02}, {"found": 0.5}):
        with pytest.raises(MissingInputError, match=r"there are no scores of .* Give the limit itself \(--at\)"):
            decide(**asked).raise_failures()
    assert limit_file.read(FOLDER).value == 15


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--found", "1"], 2, "less than 1"),
        (["--found", "0"], 2, "greater than 0"),
        (["--false-alarms", "0"], 2, "greater than 0"),
        (["--false-alarms", "nan"], 2, "less than 1"),
        (["--at", "nan"], 2, "finite"),
        (["--at", "3", "--found", "0.5"], 2, "--at and --found each choose the limit: give one of them"),
        (["--category", "nut", "--at", "3"], 3, "No finished maps of the category 'nut' in maps. There are: bolt."),
        (["elsewhere", "--at", "3"], 3, "No finished maps in elsewhere"),
        (["classes", "--at", "3"], 3, "classes/bolt holds no maps"),
        (["--inspected", "nowhere", "--at", "3"], 3, "Nothing at nowhere"),
        (["--inspected", "maps/bolt", "--at", "3"], 2, "was not written by `adtool inspect`"),
    ],
)
def test_bad_input_is_said_and_nothing_is_changed(maps, adtool, words, code, why):
    classes = Path("classes/bolt")
    classes.mkdir(parents=True)
    notes.write(classes, {"command": "discover"}, notes.DONE)
    before = (FOLDER / "images.csv").read_bytes()
    ended = adtool("decide", *words)
    assert (ended.code, why in ended.err) == (code, True), ended.err
    assert (FOLDER / "images.csv").read_bytes() == before
    assert not limit_file.is_there(FOLDER)


@pytest.mark.parametrize(
    ("scores", "why"),
    [([], "no scores of normal images"), ([3.0], "only 1 normal image")],
)
def test_too_few_normal_images_give_no_limit_and_that_is_said(scores, why):
    write_maps(known=False)
    evidence.write(FOLDER, evidence.of_scores(scores))
    with pytest.raises(MissingInputError, match=why):
        decide(false_alarms=0.1).raise_failures()
    outcome = decide()
    assert set(decisions_of()) == {""}
    assert outcome.failed == {}
    assert "There is no limit" in outcome.notes[0]


def test_identical_normal_images_reject_what_scores_higher():
    write_maps(known=False)
    evidence.write(FOLDER, evidence.of_scores([12.0] * 30))
    decide(false_alarms=0.1)
    assert decisions_of() == ["NOK" if score > 12 else "OK" for score in scores_of()]


def test_a_score_that_is_no_number_is_a_damaged_table(maps, adtool):
    text = (FOLDER / "images.csv").read_text()
    (FOLDER / "images.csv").write_text(text.replace(f"{scores_of()[3]:.9g}", "nan", 1))
    ended = adtool("decide", "--at", "3")
    assert ended.code == 3
    assert "is no finite number" in ended.err


def test_maps_that_are_being_written_are_left_alone(maps):
    script = "import sys, time; from pathlib import Path; from adtool.core.steps import locks\n"
    script += "with locks.writing(Path('maps')): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(LockedError, match="maps is being written"):
            decide(at=3)
        other.stdin.close()
    assert not limit_file.is_there(FOLDER)
    assert locks.NOTE not in {path.name for path in Path("maps").iterdir()}


def test_an_old_workspace_can_be_decided_and_its_own_limit_is_shown(adtool):
    shutil.copytree(OLD, Path("old"))
    shown = adtool("-C", "old", "decide")
    assert shown.code == 0, shown.err
    assert "23.7607626" in shown.out
    assert not Path("limit.json").exists()
    shown = adtool("decide", "--false-alarms", "0.3", "--inspected", "inspected")
    assert shown.code == 0, shown.err
    limit = limit_file.read(Path("refined/parts"))
    assert (limit.asked, limit.made_from.normals) == (0.3, 3)
    assert "classes/parts is older: its classes were found when the limit was 23.7607626. " in shown.out
    assert "inspected: " in shown.out


def test_answers_move_the_limit_and_it_is_said_how_far_it_agrees(maps, adtool):
    before = decide().document["categories"][0]["rejected"]
    decide(false_alarms=0.05)
    start = limit_file.read(FOLDER).value
    near = sorted(range(200), key=lambda i: abs(scores_of()[i] - start))[:20]
    rows = [{"id": f"test/x/{i:03}", "answer": "defect" if i >= 100 else "good"} for i in near]
    files.write_csv(Path("answers.csv"), ["id", "answer"], rows)
    shown = adtool("decide", "--answers", "answers.csv")
    assert shown.code == 0, shown.err
    limit = limit_file.read(FOLDER)
    assert (limit.rule, limit.made_from.answers) == ("answers", 20)
    assert re.search(r"bolt: It agrees with \d+ of 20 answers", shown.out)
    assert before == 0
    shown = adtool("decide", "--answers", "answers.csv", "--found", "0.9", "--json")
    assert json.loads(shown.out)["categories"][0]["agreement"]["missed"] <= 2
    rows[0]["answer"] = "maybe"
    files.write_csv(Path("answers.csv"), ["id", "answer"], rows)
    assert adtool("decide", "--answers", "answers.csv").code == 3
    assert adtool("decide", "--answers", "answers.csv", "--at", "3").code == 2
    assert adtool("decide", "--answers", "nowhere.csv").code == 3
    rows = [{"id": "test/x/150", "answer": "good"}, {"id": "test/x/150", "answer": "defect"}]
    files.write_csv(Path("answers.csv"), ["id", "answer"], rows)
    assert "that it is good, and that it has a defect" in adtool("decide", "--answers", "answers.csv").err


def test_a_limit_by_answers_is_kept_for_the_same_maps_made_again_and_not_for_others(maps):
    files.write_csv(Path("answers.csv"), ["id", "answer"], [{"id": "test/x/150", "answer": "defect"}])
    decide(answers=Path("answers.csv"))
    limit, known = limit_file.read(FOLDER), evidence.read(FOLDER)
    for is_same, kept in ((True, limit), (False, choose(known, Asked(), "maps"))):
        before = keeping.asked_before(FOLDER, is_same=is_same)
        assert keeping.for_new_maps(FOLDER, known, Asked(), "maps", before) == kept


def test_inspected_images_are_decided_again_only_where_named(maps):
    folder = Path("inspected")
    rows = [{"file": f"{k}.png", "image_score": k, "decision": "OK", "class": "c1"} for k in range(4)]
    rows.append({"file": "broken.png", "reason": "it is empty"})
    files.write_csv(folder / "inspect.csv", layout.INSPECT_COLUMNS, rows)
    classes = [{"class": "c1", "images": 4, "NOK": 0, "example": "0.png"}]
    noted = {"command": "inspect", "settings": {"category": "bolt"}, "decided": {"limit": 9.0}}
    notes.write(folder, {**noted, "result": {"rejected": 0, "classes": classes}}, notes.DONE)
    decide(at=2)
    assert "NOK" not in (folder / "inspect.csv").read_text()
    outcome = decide(at=1, inspected=folder)
    assert [row["decision"] for row in files.read_csv(folder / "inspect.csv")] == ["OK", "OK", "NOK", "NOK", ""]
    note = notes.note_of(folder)
    assert (note.result.rejected, note.result.classes[0]["NOK"]) == (2, 2)
    assert note.decided == {"limit": 9.0}, "so that `inspect` draws its overlays again"
    assert any("overlays of these 2 still show" in said for said in outcome.notes)


def test_classes_and_refined_maps_of_another_limit_are_said(maps):
    write_maps(out="refined")
    for name in ("classes", "refined"):
        files.write_json(Path(name, "_step.json"), {"command": name, "maps": "maps", "paths": "beside"})
    notes.write(Path("classes/bolt"), {"command": "discover", "result": {"limit": 15.0}}, notes.DONE)
    said = decide(maps=Path("maps"), at=14).notes
    again = "`adtool discover --maps maps --category bolt --force` finds them again."
    assert f"classes/bolt is older: its classes were found when the limit was 15.0. {again}" in said
    assert any(note.startswith("refined/bolt has another limit, None") for note in said)
    decide(maps=Path("refined"), at=15)
    assert not any("older" in note or "another limit" in note for note in decide(maps=Path("maps"), at=15).notes)


def test_deciding_loads_neither_torch_nor_what_reads_pictures(maps):
    code = "import sys; sys.argv = ['adtool', 'decide', '--at', '3', '--json']; from adtool.cli import app; app.run()\n"
    code += "print([name for name in ('torch', 'scipy.stats') if name in sys.modules], file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["categories"][0]["limit"]["value"] == 3
    assert ran.stderr.strip().endswith("[]")


@pytest.mark.slow
def test_the_limit_of_an_export_is_chosen_in_it_and_nothing_else_changes(exported, adtool):
    from adtool_runtime import load

    manifest = Path("export/parts/adtool.json")
    before = json.loads(manifest.read_text())
    shown = adtool("decide", "--export", "export/parts")
    assert shown.code == 0
    assert json.loads(manifest.read_text()) == before, "nothing was asked for"
    assert adtool("decide", "--export", "export", "--at", "1.5").code == 0
    after = json.loads(manifest.read_text())
    assert {**after, "limit": None} == {**before, "limit": None}
    assert (after["limit"]["value"], after["limit"]["rule"], load("export/parts").limit) == (1.5, "at", 1.5)
    ran = [adtool("decide", *one, "--false-alarms", "0.1", "--json").out for one in (("maps",), ("--export", "export"))]
    by_maps, by_export = (json.loads(one)["categories"][0] for one in ran)
    assert by_export["limit"]["value"] == by_maps["limit"]["value"], "made from the same scores"
    assert by_export["limit"]["expected"] == by_maps["limit"]["expected"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("maps", "--export", "export"), 2, "MAPS"),
        (("--export", "nowhere"), 3, "no export at nowhere"),
        (("--export", "export", "--category", "other"), 3, "other"),
        (("--export", "export", "--at", "nan"), 2, "at"),
    ],
)
def test_an_export_that_can_not_be_decided_on_is_said(exported, adtool, words, code, says):
    ran = adtool("decide", *words)
    assert ran.code == code
    assert says in ran.err


def test_what_was_before_is_said_where_it_was_otherwise_and_one_of_several_is_to_be_named(maps):
    decide(at=9)
    before = decisions_of().count("NOK")
    outcome = decide(at=15)
    now = decisions_of().count("NOK")
    assert f"bolt: {now} of 200 parts NOK ({before} before)." in outcome.notes[0]
    assert f"bolt: {now} of 200 parts NOK. " in decide(at=15).notes[0]
    asks = "Name one with --category to see the limits beside it."
    assert asks not in outcome.notes
    write_maps("nut")
    assert asks in decide(at=15).notes
