from pathlib import Path

import pytest

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.discover import predict, review, step
from adtool.discover.config import DiscoverConfig
from adtool.discover.free import doubts

FOLDER = ClassesFolder(Path("classes", "parts"))


@pytest.fixture
def found(workspace):
    """Three classes: normal, c1 and c2."""
    step.run(DiscoverConfig(classes="3", image_size=64))
    return {row["id"]: row["class"] for row in FOLDER.image_rows()}


def edit(**decisions):
    """Write a review file with decisions on some classes, and apply it."""
    rows = [{**row, **decisions.get(row["class"], {})} for row in files.read_csv(FOLDER.classes)]
    files.write_csv(Path("edited.csv"), layout.CLASSES_COLUMNS, rows)
    return step.run(DiscoverConfig(review=Path("edited.csv")))


def classes():
    return {row["id"]: row["class"] for row in FOLDER.image_rows()}


def test_a_class_is_renamed_in_every_table(found):
    outcome = edit(c1={"name": "drill hole"})
    assert classes() == {key: "drill hole" if name == "c1" else name for key, name in found.items()}
    assert {row["class"] for row in files.read_csv(FOLDER.crops)} == {"normal", "drill hole", "c2"}
    assert "drill hole 5" in outcome.rows[0]["sizes"]
    assert files.read_json(FOLDER.card)["review"] == {"normal": "normal", "c1": "drill hole", "c2": "c2"}


def test_a_class_is_merged_into_another_and_takes_its_name(found):
    edit(c1={"action": "merge", "into": "c2"}, c2={"name": "mark"})
    assert classes() == {key: "normal" if name == "normal" else "mark" for key, name in found.items()}


def test_what_is_rejected_is_unknown(found):
    edit(c2={"action": "reject"})
    assert classes() == {key: "unknown" if name == "c2" else name for key, name in found.items()}


def test_every_review_starts_from_what_was_found(found):
    edit(c1={"action": "merge", "into": "c2"})
    edit(c1={"action": "", "into": ""})
    assert classes() == found


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ({"c1": {"action": "burn"}}, "no action `burn`"),
        ({"c1": {"action": "merge", "into": "c9"}}, "can't be merged into `c9`"),
        ({"c1": {"action": "merge", "into": "c2"}, "c2": {"action": "merge", "into": "c1"}}, "can't be merged"),
        ({"c1": {"class": "c7"}}, "lacks c1"),
        ({"c1": {"class": "c2"}}, "lacks c1"),
    ],
)
def test_a_table_that_makes_no_sense_changes_nothing(found, decisions, message):
    with pytest.raises(BadDataError, match=message):
        edit(**decisions)
    assert classes() == found


def test_a_review_needs_finished_classes_and_a_file(workspace):
    with pytest.raises(MissingInputError, match="Run `adtool discover` first"):
        step.run(DiscoverConfig(review=Path("edited.csv")))
    step.run(DiscoverConfig(classes="3", image_size=64))
    with pytest.raises(MissingInputError, match="There is no file nothing"):
        step.run(DiscoverConfig(review=Path("nothing.csv")))


def test_a_review_is_for_one_category(found):
    with pytest.raises(UsageError, match="for one category"):
        review.run(Path("classes"), ("parts", "others"), Path("edited.csv"))


def moved(*moves, **decisions):
    """Apply a review that also moves single images: (id, into)."""
    rows = [{**row, **decisions.get(row["class"], {})} for row in FOLDER.class_rows()]
    of = {row["id"]: row["class"] for row in ClassesFolder(FOLDER.path / review.AS_FOUND).image_rows()} if (
        FOLDER.path / review.AS_FOUND
    ).exists() else classes()  # fmt: skip
    rows += [{"class": of.get(one, "c1"), "action": "move", "example_id": one, "into": into} for one, into in moves]
    files.write_csv(Path("edited.csv"), layout.CLASSES_COLUMNS, rows)
    return step.run(DiscoverConfig(review=Path("edited.csv")))


def test_one_part_is_moved_to_another_class_and_back(found):
    one = next(key for key, name in found.items() if name == "c1")
    outcome = moved((one, "c2"), c2={"name": "mark"})
    assert classes() == {k: "mark" if name == "c2" or k == one else name for k, name in found.items()}
    assert {row["class"] for row in FOLDER.crop_rows() if row["id"] == one} <= {"mark", "normal"}
    assert "1 part moved to another class." in outcome.notes
    assert [row["class"] for row in FOLDER.class_rows()] == ["normal", "c1", "c2"]  # its row is of no class
    assert files.read_csv(FOLDER.classes)[-1]["example_id"] == one
    moved((one, "unknown"))
    assert classes()[one] == "unknown"
    moved(c2={"name": ""})
    assert classes() == found


def test_a_part_that_is_not_there_or_goes_nowhere_is_an_error(found):
    one = next(iter(found))
    for moves, said in [
        ([("test/x", "c1")], "not among those that have a class"),
        ([(one, "c1"), (one, "c2")], "is moved twice"),
        ([(one, "c9")], "can't be moved to 'c9'"),
    ]:
        with pytest.raises(BadDataError, match=said):
            moved(*moves)
    assert classes() == found


def test_two_classes_that_get_one_name_are_said(found):
    outcome = edit(c1={"name": "hole"}, c2={"name": "hole"})
    assert any("c1 and c2 have the same name, 'hole'" in note for note in outcome.notes)
    assert not edit(c1={"name": "hole"}, c2={"action": "merge", "into": "c1", "name": ""}).notes


# Files that were lost since


def test_a_crop_that_is_lost_is_made_again_and_what_a_person_said_stays(found):
    edit(c1={"name": "drill hole"})
    crop = next(Path("classes/parts/crops").rglob("*.png"))
    tables = {path: path.read_bytes() for path in (FOLDER.classes, FOLDER.images, FOLDER.crops, FOLDER.card)}
    before = crop.read_bytes()
    crop.unlink()
    assert step.run(DiscoverConfig(classes="3", image_size=64)).done == ["parts"]
    assert crop.read_bytes() == before
    assert {path: path.read_bytes() for path in tables} == tables
    assert step.run(DiscoverConfig(classes="3", image_size=64)).skipped == ["parts"]


def test_reviewed_classes_without_their_model_are_not_made_again_without_being_asked(found):
    edit(c1={"name": "drill hole"})
    FOLDER.model.unlink()
    with pytest.raises(MissingInputError, match=r"1 file is missing in .*reviewed: model\.safetensors"):
        step.run(DiscoverConfig(classes="3", image_size=64))
    assert "drill hole" in classes().values()


def test_names_that_a_person_wrote_into_the_table_survive_a_lost_model(found):
    rows = [{**row, "name": "mark" if row["class"] == "c1" else ""} for row in files.read_csv(FOLDER.classes)]
    files.write_csv(FOLDER.classes, layout.CLASSES_COLUMNS, rows)
    FOLDER.model.unlink()
    assert step.run(DiscoverConfig(classes="3", image_size=64)).done == ["parts"]
    assert FOLDER.model.exists()
    assert [row["name"] for row in files.read_csv(FOLDER.classes)] == ["", "mark", ""]


# A class split in two


@pytest.fixture
def halved(monkeypatch, workspace):
    """The same, of classes that may be cut into halves of one image."""
    monkeypatch.setattr(doubts, "FEWEST", 1)
    step.run(DiscoverConfig(classes="3", image_size=64))
    return {row["id"]: row["class"] for row in FOLDER.image_rows()}


def halves():
    return {row["id"]: row["half"] for row in ClassesFolder(FOLDER.path / review.AS_FOUND).image_rows()}


def test_the_second_half_of_a_class_becomes_a_class_of_its_own(halved):
    which = files.read_json(FOLDER.card)["doubts"]["split"]
    outcome = edit(**{which: {"action": "split", "into": "dent", "name": "hole"}})
    half = halves()
    assert {name for key, name in halved.items() if half[key]} == {which}
    assert classes() == {
        key: {"": name, "1": "hole", "2": "dent"}[half[key]] if name == which else name for key, name in halved.items()
    }
    assert {row["class"] for row in FOLDER.crop_rows() if half[row["id"]] == "2"} == {"dent"}
    assert "dent " in outcome.rows[0]["sizes"]
    edit(**{which: {"action": "", "into": "", "name": ""}})
    assert classes() == halved


def test_a_second_half_without_a_name_gets_the_next_number_or_goes_into_the_class_that_is_named(halved):
    which = files.read_json(FOLDER.card)["doubts"]["split"]
    other = next(name for name in ("c1", "c2") if name != which)
    edit(**{which: {"action": "split"}})
    assert {name for key, name in classes().items() if halves()[key] == "2"} == {"c3"}
    edit(**{which: {"action": "split", "into": other}, other: {"name": "mark"}})
    assert {name for key, name in classes().items() if halves()[key] == "2"} == {"mark"}


def test_a_class_without_halves_can_not_be_split(halved):
    which = files.read_json(FOLDER.card)["doubts"]["split"]
    for name in {"normal", "c1", "c2"} - {which}:
        with pytest.raises(BadDataError, match=f"found no halves of {name} .*It can split {which}"):
            edit(**{name: {"action": "split"}})
    assert classes() == halved


def test_new_images_are_told_apart_as_the_halves_are(halved):
    which = files.read_json(FOLDER.card)["doubts"]["split"]
    edit(**{which: {"action": "split", "into": "dent"}})
    known = predict.read(FOLDER)
    assert [known.called(name) for name in known.names] == ["normal", "c1", "c2", "dent"]
    centres, halved = known.tensors["centres"], known.tensors["halves"]
    assert centres[int(which[1:]) - 1] == pytest.approx(halved[0]) or which in known.names
    assert centres[-1] == pytest.approx(halved[1])
    assert len(known.tensors["middles"]) == 4
    card = files.read_json(FOLDER.card)
    files.write_json(FOLDER.card, {**card, "doubts": {"merge": [], "split": "normal"}})
    with pytest.raises(BadDataError, match="the class that was split is not 'normal'"):
        predict.read(FOLDER)


def test_all_classes_that_a_part_shows_are_reviewed_with_its_own_first(found):
    rows = files.read_csv(FOLDER.images)
    assert {row["class"]: row["classes"] for row in rows} == {"normal": "normal", "c1": "c1", "c2": "c2"}
    two = next(row for row in rows if row["class"] == "c2")
    two["classes"] = "c2 + c1"
    files.write_csv(FOLDER.images, layout.CLASS_IMAGES_COLUMNS, rows)
    edit(c1={"name": "hole"}, c2={"name": "dent"})
    assert {row["id"]: row["classes"] for row in FOLDER.image_rows()}[two["id"]] == "dent + hole"
    edit(c1={"action": "merge", "into": "c2", "name": ""}, c2={"name": ""})
    assert {row["id"]: row["classes"] for row in FOLDER.image_rows()}[two["id"]] == "c2"


# Classes that were found again


def again(**settings):
    return step.run(DiscoverConfig(**{"classes": "3", "image_size": 64, **settings}), force=True)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"images": "7"}, "it has 7 parts in c1, where there are 5"),
        ({"example_id": "{normal}"}, "its example of c1 is {normal}, which is in normal"),
        ({"example_id": "test/good/of_yore"}, "its example of c1 is test/good/of_yore, which is not there"),
    ],
)
def test_a_review_of_other_classes_is_refused_and_changes_nothing(found, change, differs):
    normal = next(one for one, name in found.items() if name == "normal")
    with pytest.raises(BadDataError, match=r"edited\.csv is of other classes") as raised:
        edit(c1={column: value.format(normal=normal) for column, value in change.items()})
    assert differs.format(normal=normal) in str(raised.value)
    assert classes() == found


def test_a_review_without_numbers_and_examples_is_taken(found):
    edit(c1={"name": "mark", "images": "", "example_id": ""})
    assert "mark" in classes().values()


@pytest.mark.slow
def test_names_go_with_their_parts_when_classes_are_found_again(found):
    edit(c1={"name": "drill hole"})
    outcome = again(seed=1)
    assert {one for one, name in classes().items() if name == "drill hole"} == {
        o for o, n in found.items() if n == "c1"
    }
    assert "drill hole 5" in outcome.rows[0]["sizes"]
    [said] = [one for one in outcome.notes if "a person's names" in one]
    assert "drill hole (c" in said
    assert str(Path("classes/_reviewed/parts/classes.csv")) in said
    assert [row["name"] for row in files.read_csv(Path("classes/_reviewed/parts/classes.csv"))] == [
        "",
        "drill hole",
        "",
    ]
    edit()  # a review starts from what was found, and keeps the name that stands in the table
    assert "drill hole" in classes().values()
    assert not [one for one in again(seed=0).notes if "no class" in one]


@pytest.mark.slow
def test_workers_keep_names_too(found, workers_in_process):
    edit(c1={"name": "drill hole"})
    outcome = again(seed=1, workers="2")
    assert workers_in_process == ["of parts"]
    assert "drill hole" in classes().values()
    assert any("drill hole" in one for one in outcome.notes)


@pytest.mark.slow
def test_names_that_were_only_written_into_the_table_are_kept_as_well(found):
    rows = [{**row, "name": "mark" if row["class"] == "c2" else ""} for row in files.read_csv(FOLDER.classes)]
    files.write_csv(FOLDER.classes, layout.CLASSES_COLUMNS, rows)
    again(seed=1)
    assert {one for one, name in classes().items() if name == "mark"} == {o for o, n in found.items() if n == "c2"}


@pytest.mark.slow
def test_classes_that_were_merged_by_name_are_one_again_and_what_has_no_place_is_said(found):
    edit(c1={"name": "mark"}, c2={"name": "mark"})
    assert set(classes().values()) == {"normal", "mark"}
    again(seed=1)
    assert set(classes().values()) == {"normal", "mark"}
    edit(c1={"action": "reject", "name": ""}, c2={"name": ""})
    [said] = [one for one in again().notes if "found again" in one]
    assert "nothing that a person said could be kept" in said
    assert set(classes().values()) == {"normal", "c1", "c2"}


@pytest.mark.slow
def test_a_name_whose_parts_are_in_no_class_of_their_own_is_said(found):
    edit(c1={"name": "drill hole"}, c2={"name": "scratch"})
    [said] = [one for one in again(classes="2").notes if "found again" in one]
    assert "no class has most of the parts of" in said


@pytest.mark.slow
def test_a_kill_between_loses_no_name(found, monkeypatch):
    edit(c1={"name": "drill hole"})

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step.tables, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            again(seed=1)
    step.run(DiscoverConfig(classes="3", image_size=64, seed=1))
    assert "drill hole" in classes().values()


def test_classes_that_nobody_reviewed_leave_nothing_aside(found):
    assert not [one for one in again(seed=1).notes if "found again" in one]
    assert not Path("classes/_reviewed").exists()


def test_damaged_tables_are_found_again_all_the_same(found):
    edit(c1={"name": "drill hole"})
    FOLDER.images.write_bytes(b"\xff\x00")
    assert again().done == ["parts"]
