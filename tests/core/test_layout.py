from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder


def test_an_id_keeps_its_folders_and_its_dots():
    maps = MapsFolder(Path("maps"))
    assert maps.scores("bottle", "test/crack/a.b") == Path("maps/bottle/test/crack/a.b.tiff")
    classes = ClassesFolder(Path("classes/bottle"))
    assert classes.binary("test/crack/a.b") == Path("classes/bottle/binary/test/crack/a.b.png")
    assert classes.crop("test/crack/003", 1) == Path("classes/bottle/crops/test/crack/003_1.png")
    assert classes.crop_mask("test/crack/003", 1) == Path("classes/bottle/crop_masks/test/crack/003_1.png")


def test_a_model_folder_has_the_files_of_the_contract():
    folder = ModelFolder(Path("models/patchcore/bottle"))
    assert {path.name for path in (folder.weights, folder.card, folder.normals)} == {
        "weights.safetensors",
        "model.json",
        "normals.csv",
    }


def test_a_table_that_is_not_there_says_what_to_run(tmp_path):
    with pytest.raises(MissingInputError, match="Run `adtool maps`"):
        MapsFolder(tmp_path).image_rows("bottle")
    with pytest.raises(MissingInputError, match="Run `adtool discover`"):
        ClassesFolder(tmp_path).image_rows()


def test_a_table_that_lacks_columns_says_which(tmp_path):
    files.write_csv(MapsFolder(tmp_path).images("bottle"), ["id", "score"], [{"id": "a", "score": 1}])
    with pytest.raises(BadDataError, match="lacks columns: decision, image_score, kind"):
        MapsFolder(tmp_path).image_rows("bottle")
