"""The tables and the file of a limit beside the maps, and what older versions wrote."""

from pathlib import Path

import pytest

from adtool.core import files, json_files, layout
from adtool.core.errors import BadDataError
from adtool.core.layout import ModelFolder
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.limits.limit_file import Limit

OLD = Path(__file__).parents[2] / "old_workspace"
KNOWN = Evidence(
    [NormalScore("train/good/000", 1.0, "a"), NormalScore("train/good/001", 2.0, "a")],
    [PaintedScore("train/good/000", "spot", 0.01, 9.0)],
)


def table(folder: Path, *scores: float) -> None:
    rows = [{"id": f"test/a/{i}", "kind": "a", "image_score": score, "decision": ""} for i, score in enumerate(scores)]
    files.write_csv(folder / "images.csv", layout.IMAGES_COLUMNS, rows)


def test_what_is_written_is_read(tmp_path):
    folder = tmp_path / "maps" / "bolt"
    evidence.write(folder, KNOWN)
    assert evidence.read(folder) == KNOWN
    limit = choose(KNOWN, Asked(at=1.5), "decide")
    limit_file.write(folder, limit)
    assert limit_file.read(folder) == limit
    assert files.read_json(folder / "limit.json")["format"] == json_files.NUMBER
    evidence.write(folder, Evidence())
    assert [path.name for path in folder.iterdir()] == ["limit.json"], "no empty table"
    assert not evidence.read(folder).normals


def test_what_an_older_version_wrote_is_read():
    limit = limit_file.read(OLD / "maps" / "parts")
    assert (limit.value, limit.rule, limit.asked, limit.set_by) == (23.7607626, "default", 0.01, "maps")
    assert evidence.read(OLD / "maps" / "parts").normal_scores == [23.7607626, 22.4495132, 23.2749182]
    found = evidence.of_model(ModelFolder(OLD / "models" / "patchcore" / "parts"), "parts")
    assert found.normal_scores == [23.7607626, 22.4495132, 23.2749182]
    assert (found.how, len(set(found.groups)), list(found.painted)) == ("held out", 3, [])


def test_of_a_model_of_all_categories_the_images_of_one_are_taken(tmp_path):
    folder = ModelFolder(tmp_path / "models" / "net" / "_all")
    rows = [{"id": f"{one}/train/good/0", "image_score": 1.5, "group": f"{one}/train/good/0"} for one in ("a", "b")]
    files.write_csv(folder.normals, layout.NORMALS_COLUMNS, rows)
    painted = [{"id": "b/train/good/0", "kind": "spot", "size": 0.5, "image_score": 3}]
    files.write_csv(folder.painted, layout.PAINTED_COLUMNS, painted)
    found = evidence.of_model(folder, "b")
    assert found.normals == [NormalScore("train/good/0", 1.5, "train/good/0")]
    assert found.painted == [PaintedScore("train/good/0", "spot", 0.5, 3.0)]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("normals.csv", "id,image_score\na,nan\n", "no finite number"),
        ("normals.csv", "id,score\na,1\n", "lacks columns: image_score"),
        ("painted.csv", "id,kind,size,image_score\na,spot,x,1\n", "the size 'x'"),
        ("limit.json", '{"value": NaN}', "damaged"),
        ("limit.json", '{"value": "3"}', "value: "),
        ("limit.json", '{"format": 99}', "newer adtool"),
        ("limit.json", "", "damaged"),
    ],
)
def test_a_damaged_file_is_said_as_such(tmp_path, name, text, why):
    folder = tmp_path / "maps" / "bolt"
    evidence.write(folder, KNOWN)
    (folder / name).write_text(text)
    with pytest.raises(BadDataError, match=why) as caught:
        limit_file.read(folder) if name == "limit.json" else evidence.read(folder)
    assert str(folder / name) in str(caught.value)


def test_decisions_follow_the_limit_and_a_kill_in_between_is_mended(tmp_path):
    folder = tmp_path / "maps" / "bolt"
    table(folder, 1.0, 2.0, 3.0)
    limit = Limit(value=2.0, rule="at", asked=2.0, set_by="decide")
    assert not decisions.is_in_force(folder, limit)
    limit_file.write(folder, limit)  # and no further
    assert not decisions.is_in_force(folder, limit)
    rows = decisions.apply(folder, limit)
    assert [row["decision"] for row in rows] == ["OK", "OK", "NOK"]
    assert files.read_csv(folder / "images.csv") == rows
    assert decisions.is_in_force(folder, limit)
    assert {row["decision"] for row in decisions.apply(folder, Limit())} == {""}
