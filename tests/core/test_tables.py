"""Tables of ours: every cell that is used is looked at."""

import pytest

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder

HEAD = "id,kind,image_score,decision\n"
MAYBE_TWICE = "test/a,good,1.5,OK\n"


@pytest.fixture
def rows(tmp_path):
    """Rows of an images.csv with some text in it."""

    def read(text):
        folder = MapsFolder(tmp_path)
        folder.images("part").parent.mkdir(exist_ok=True)
        folder.images("part").write_text(text)
        return folder.image_rows("part")

    return read


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "abc", "", "1e999", " "])
def test_an_image_score_that_is_no_number_is_an_error_with_its_row(rows, score):
    with pytest.raises(BadDataError, match=rf"part/images\.csv, id 'test/b': the image_score '{score}' is no finite"):
        rows(f"{HEAD}{MAYBE_TWICE}test/b,good,{score},OK\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + MAYBE_TWICE * 2, "lists id 'test/a' twice"),
        (HEAD + "test/a,good,1.5", "line 2: 3 cells, but there are 4 columns"),
        (HEAD + MAYBE_TWICE.replace("OK", "OK,x"), "line 2: 5 cells"),
        (HEAD + MAYBE_TWICE.replace("OK", "fine"), "the decision 'fine' is none of OK, NOK"),
        (HEAD + ",good,1.5,OK\n", "the id '' may not be empty"),
        ("id,kind,image_score\n" + "test/a,good,1.5\n", "lacks columns: decision"),
        ("id,kind,image_score,image_score\n", "has the column 'image_score' twice"),
        (HEAD + '"test/a,good,1.5,OK\n', "can't be read as a table"),
    ],
)
def test_a_table_that_is_damaged_is_an_error(rows, text, said):
    with pytest.raises(BadDataError, match=said):
        rows(text)


def test_a_whole_table_is_read_as_it_is(rows):
    assert rows(HEAD + MAYBE_TWICE + "\ntest/b,,2,\n")[1] == {
        "id": "test/b",
        "kind": "",
        "image_score": "2",
        "decision": "",
    }


def test_the_other_tables_are_looked_at_as_well(tmp_path):
    model, classes = ModelFolder(tmp_path), ClassesFolder(tmp_path)
    assert model.normal_rows() == []
    files.write_csv(model.normals, layout.NORMALS_COLUMNS, [{"id": "a", "image_score": float("nan")}])
    with pytest.raises(BadDataError, match=r"normals\.csv, id 'a'"):
        model.normal_rows()
    files.write_csv(classes.crops, layout.CROPS_COLUMNS, [{"id": "a", "crop": "zero"}])
    with pytest.raises(BadDataError, match=r"crops\.csv, id 'a' crop 'zero'"):
        classes.crop_rows()
    files.write_csv(classes.classes, ["class", "name"], [{"class": "c1"}, {"class": "c1"}])
    with pytest.raises(BadDataError, match=r"classes\.csv lists class 'c1' twice"):
        classes.class_rows()
    with pytest.raises(MissingInputError, match="discover"):
        classes.image_rows()


def test_what_a_person_edits_may_have_short_lines(tmp_path):
    (tmp_path / "classes.csv").write_text("class,name,action\nc1,hole\n")
    assert ClassesFolder(tmp_path).class_rows() == [{"class": "c1", "name": "hole", "action": ""}]
