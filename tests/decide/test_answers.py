"""Deciding by what people answered."""

from pathlib import Path

import numpy as np
import pytest

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import evidence, limit_file
from adtool.core.steps import notes
from adtool.decide.config import DecideConfig
from adtool.decide.step import run

FOLDER, ANSWERS = Path("maps/bolt"), Path("answers.csv")


def write_maps(name: str = "bolt", *, known: bool = True) -> None:
    rng, folder = np.random.default_rng(0), Path("maps", name)
    scores = np.concatenate([rng.normal(10, 1, size=60), rng.normal(12.5, 1.5, size=60)]).round(6)
    table = [{"id": f"test/x/{i:03}", "kind": "x", "image_score": s, "decision": ""} for i, s in enumerate(scores)]
    files.write_csv(folder / "images.csv", layout.IMAGES_COLUMNS, table)
    if known:
        normals = rng.normal(10, 1, size=80).round(6)
        evidence.write(folder, evidence.of_scores(normals, "cross-fitted"))
    notes.write(folder, {"command": "maps", "settings": {}, "seed": 0, "inputs": {}, "result": {}}, notes.DONE)


@pytest.fixture(autouse=True)
def maps(workspace):
    write_maps()


def doubtful() -> list[int]:
    """Numbers of the parts whose scores lie nearest to the default limit."""
    run(DecideConfig(false_alarms=0.05))
    limit = limit_file.read(FOLDER).value
    scores = [float(row["image_score"]) for row in files.read_csv(FOLDER / "images.csv")]
    return sorted(range(len(scores)), key=lambda i: abs(scores[i] - limit))[:20]


def write_answers(numbers: list[int], **others: str) -> None:
    rows = {f"test/x/{i:03}": "defect" if i >= 60 else "good" for i in numbers} | others
    ANSWERS.write_text("id,answer\n" + "".join(f"{one},{said}\n" for one, said in rows.items()))


def decide(**settings: object):
    outcome = run(DecideConfig(answers=ANSWERS, **settings))
    outcome.raise_failures()
    return outcome


def test_answers_move_the_limit_and_their_parts_are_named_in_it():
    numbers = doubtful()
    before = limit_file.read(FOLDER).value
    write_answers(numbers)
    outcome = decide()
    limit = limit_file.read(FOLDER)
    assert (limit.rule, limit.set_by, limit.was_asked) == ("answers", "decide", True)
    assert limit.value < before, "more defects than good parts lie there"
    assert limit.made_from.answered == sorted(f"test/x/{i:03}" for i in numbers)
    [said] = outcome.document["categories"]
    assert said["agreement"]["answers"] == 20
    assert "moved by 20 answers" in outcome.notes[0]
    assert "of 20 answers" in outcome.notes[1]
    assert outcome.rows[len(outcome.rows) // 2]["option"] == f"--at {limit.value!r} (now)"
    assert run(DecideConfig()).document["categories"][0]["limit"]["rule"] == "answers", "it stays"


def test_the_defects_among_the_answers_are_found_if_that_is_asked_for():
    write_answers([0, 1, 70, 80, 90])
    decide(found=0.99)
    assert limit_file.read(FOLDER).option == "", "typed alone it would be about painted defects"
    found = {row["id"]: row["decision"] for row in files.read_csv(FOLDER / "images.csv")}
    assert [found[f"test/x/{i:03}"] for i in (70, 80, 90)] == ["NOK"] * 3


def test_a_category_without_an_answer_keeps_its_limit():
    write_maps("nut")
    run(DecideConfig(category=("nut",), at=14))
    ANSWERS.write_text("category,id,answer\nbolt,test/x/070,NOK\n")
    outcome = decide()
    assert limit_file.read(Path("maps/nut")).value == 14
    assert "No answer is about nut: nothing was chosen there." in outcome.notes
    assert decide(found=0.9).done == ["bolt", "nut"], "nor would what is asked of answered defects have a meaning there"
    assert limit_file.read(Path("maps/nut")).value == 14
    ANSWERS.write_text("category,id,answer\nbolt,test/x/070,NOK\nnut,test/x/070,OK\n")
    assert decide(category=("bolt",)).done == ["bolt"], "answers for others are no mistake"


@pytest.mark.parametrize(
    ("others", "why"),
    [({"test/x/999": "good"}, "not in these maps: test/x/999"), ({"test/x/000 ": "defect"}, "that it has a defect")],
)
def test_answers_that_can_not_be_change_nothing(others, why):
    write_answers([0, 1], **others)
    with pytest.raises(BadDataError, match=why):
        decide()
    assert not limit_file.is_there(FOLDER)


def test_answers_can_not_make_up_for_normal_images():
    write_maps(known=False)
    (FOLDER / "normals.csv").unlink()
    write_answers([0, 70])
    with pytest.raises(MissingInputError, match=r"--answers can't be had: there are no scores of normal"):
        decide()
    decide(found=0.9)
    assert limit_file.read(FOLDER).value > 0
