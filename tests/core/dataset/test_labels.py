from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset


def put(root, *names):
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(60, 190, (9, 11, 3), dtype=np.uint8)
        arrays.write_png(root / f"{name}.png", pixels)


def put_mask(path, *, empty=False):
    mask = np.zeros((9, 11), bool)
    mask[2:5, 2:5] = not empty
    arrays.write_mask(path, mask)


def kinds(root, **settings):
    (category,) = read_dataset(root, **settings).categories.values()
    return {one.id.removeprefix("test/"): one.kind for one in category.test}, category


def test_a_folder_that_only_keeps_order_is_no_kind_but_one_inside_is(tmp_path, caplog):
    put(tmp_path, "train/good/1", "test/line1/good/a", "test/line1/scratch/b", "test/2026-11-27/c", "test/hole/d")
    found, category = kinds(tmp_path)
    assert found == {"line1/good/a": "good", "line1/scratch/b": "scratch", "2026-11-27/c": "unknown", "hole/d": "hole"}
    assert category.normal_kinds == {"good"}
    assert "2 folders of test images taken as just a folder" in caplog.text
    assert (
        "Their images are of the kind that a folder inside or their masks say: good, scratch or unknown" in caplog.text
    )


def test_folders_of_a_set_that_prep_made_are_kinds_whatever_they_are_called(tmp_path):
    put(tmp_path, "train/good/1", "test/line1/a")
    files.write_json(tmp_path / "dataset.json", {"normal_kinds": ["good"]})
    assert kinds(tmp_path)[0] == {"line1/a": "line1"}
    files.write_json(tmp_path / "dataset.json", {"normal_kinds": ["good"], "kinds": "by name"})
    assert kinds(tmp_path)[0] == {"line1/a": "unknown"}


def test_images_directly_in_the_split_are_what_their_masks_say(tmp_path):
    """KolektorSDD2: all images in one folder, each beside its mask."""
    put(tmp_path, "train/1", "train/2", "test/3", "test/4", "test/5")
    put_mask(tmp_path / "train/1_GT.png", empty=True)
    put_mask(tmp_path / "train/2_GT.png")
    put_mask(tmp_path / "test/3_GT.png")
    put_mask(tmp_path / "test/4_GT.png", empty=True)
    found, category = kinds(tmp_path)
    assert found == {"3": "defect", "4": "good", "5": "unknown"}
    assert category.normal_kinds == {"good"}
    assert [one.id for one in category.train] == ["train/1"]


@pytest.mark.parametrize(("other", "expected"), [("scratch", "line1"), ("line2", "unknown")])
def test_what_is_trained_on_is_normal_beside_defects_whatever_it_is_called(tmp_path, other, expected):
    put(tmp_path, "train/line1/1", "train/line2/1", "test/line1/a", f"test/{other}/b")
    assert kinds(tmp_path)[0]["line1/a"] == expected


def test_what_prep_found_is_read_from_the_card_and_damage_is_an_error(tmp_path):
    put(tmp_path, "train/good/1", "test/good/a")
    one = {"code": "x", "noun": "file", "what": "lost", "do": "Find it.", "where": "c", "count": 5, "cases": ["a"]}
    files.write_json(tmp_path / "dataset.json", {"findings": [one]})
    (found,) = read_dataset(tmp_path).prepared
    assert found.title == "5 files lost"
    files.write_json(tmp_path / "dataset.json", {"findings": [{**one, "count": "5"}]})
    with pytest.raises(Exception, match="'findings' is no list of findings"):
        read_dataset(Path(tmp_path))
