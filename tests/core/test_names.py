"""Names that become paths, from whichever file they are."""

import pytest

from adtool.core import files, layout, names
from adtool.core.dataset import dataset_folder
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder, InspectedFolder, MapsFolder
from adtool.core.steps.step_run import Identity, StepRun

OUTSIDE = ["", ".", "..", "../x", "../../x", "/x", "x/../../y", "x//y", "x/", "x\0y"]


@pytest.mark.parametrize("name", [*OUTSIDE, "a/b", "a\\b", "C:", "C:x"])
def test_a_category_of_dataset_json_is_one_folder(tmp_path, tiny_data, name):
    tiny_data.make(tmp_path / "parts")
    card = tmp_path / "parts" / layout.DATASET_FILE
    files.write_json(card, {"categories": [name]})
    with pytest.raises(BadDataError, match="can't be the name of a category") as error:
        dataset_folder.read_dataset(tmp_path / "parts")
    assert str(card) in str(error.value)
    assert "\0" not in str(error.value)
    with pytest.raises(BadDataError):
        StepRun("maps", tmp_path / "maps").plan({name: Identity("maps", {}, 0, {})})
    assert not (tmp_path / "maps").exists()


@pytest.mark.parametrize("one", OUTSIDE)
def test_an_id_stays_below_its_folder(tmp_path, one):
    makers = [
        lambda: MapsFolder(tmp_path).scores("parts", one),
        lambda: ClassesFolder(tmp_path).binary(one),
        lambda: ClassesFolder(tmp_path).crop(one, 0),
        lambda: ClassesFolder(tmp_path).crop_mask(one, 0),
        lambda: InspectedFolder(tmp_path).scores(one),
        lambda: InspectedFolder(tmp_path).overlays.picture(one),
    ]
    for make in makers:
        with pytest.raises(BadDataError, match="can't be an id"):
            make()


@pytest.mark.parametrize("one", [one for one in OUTSIDE if "\0" not in one])
def test_a_table_that_names_something_elsewhere_is_refused_with_its_row(tmp_path, one):
    maps = MapsFolder(tmp_path)
    row = {"id": one, "kind": "good", "image_score": 1.0, "decision": "OK"}
    files.write_csv(maps.images("parts"), layout.IMAGES_COLUMNS, [{**row, "id": "test/good/000"}, row])
    with pytest.raises(BadDataError, match=r"no path below the folder|may not be empty") as error:
        maps.image_rows("parts")
    assert str(maps.images("parts")) in str(error.value)


def test_what_is_called_oddly_is_no_path_elsewhere():
    for one in ("test/a.b/003", "test/..a/003", ".hidden/1", "test/é ü/[1]", "test/a:b"):
        assert names.require_below(one) == one
    for one in ("parts", ".parts", "a b", "ä", "..a"):
        assert names.require_category(one) == one
