"""Regions that got a class, against the masks they lie on."""

import math
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files, layout
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import ClassesFolder
from adtool.report import class_figures, truth
from adtool.report.sources import ReportSource

SIZE = (20, 30)
CARD = {
    "classes": ["normal", "c1", "c2"], "method": "free", "features": "crops", "rules": "best", "maps": {},
    "score_std": 1.0, "search_range": [0.0, 1.0], "strength": [0.0, 1.0], "backbone": "any", "weights_id": "any",
    "layers": [8], "image_size": 256, "erosion": 0, "min_run": 4,
}  # fmt: skip
# By image its mask's square (y, x) of 4 pixels, and of each crop where it begins (x, y), what is marked, and its class:
IMAGES = {
    "good/0": (None, [(0, 0, (5, 5), "c2")]),  # a false alarm
    "good/1": (None, [(0, 0, None, "normal")]),  # nothing is marked, so there is no region
    "hole/0": ((4, 4), [(0, 0, (5, 5), "c1"), (14, 4, (10, 20), "normal")]),  # one region beside the mask
    "hole/1": ((4, 4), [(-4, 0, (5, 5), "c1")]),  # a crop that leaves the image
    "scratch/0": ((10, 20), [(14, 4, (12, 21), "c2")]),
}


def square(place, side=4):
    mask = np.zeros(SIZE, bool)
    if place is not None:
        mask[place[0] : place[0] + side, place[1] : place[1] + side] = True
    return mask


def make(card=CARD):
    folder, crops = ClassesFolder(Path("classes/part")), []
    for name, (mask, found) in IMAGES.items():
        key = f"test/{name}"
        arrays.write_png(Path(f"data/part/{key}.png"), np.zeros((*SIZE, 3), np.uint8))
        if mask is not None:
            arrays.write_mask(Path(f"data/part/ground_truth/{name}_mask.png"), square(mask))
        marked = [square(place, side=2) for _, _, place, _ in found]
        arrays.write_mask(folder.binary(key), np.logical_or.reduce(marked))
        for k, (x, y, place, label) in enumerate(found):
            where = {"id": key, "crop": k, "file": f"crops/{key}_{k}.png", "x": x, "y": y, "side": 14}
            crops.append({**where, "area_px": 4 if place else 0, "score": 1, "class": label, "confidence": 1})
    files.write_csv(folder.crops, layout.CROPS_COLUMNS, crops)
    rows = [{"id": f"test/{name}", "kind": "?", "class": one[1][0][3], "confidence": 1} for name, one in IMAGES.items()]
    files.write_csv(folder.images, layout.CLASS_IMAGES_COLUMNS, rows)
    if card is not None:
        files.write_json(folder.card, card)
    return folder


def measured():
    category = read_dataset(Path("data")).category("part")
    found = class_figures.measure(ReportSource("classes", Path("classes"), ("part",)), category, ())
    return {figure.metric: figure for figure in found.figures if figure.metric.startswith("region")}, found.facts


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_region_is_of_the_kind_of_the_mask_that_it_touches_and_else_normal():
    folder = make()
    category = read_dataset(Path("data")).category("part")
    found = truth.regions(category.test, category, folder)
    assert list(zip(found.kinds, found.classes, strict=True)) == [
        ("good", "c2"), ("hole", "c1"), ("good", "normal"), ("hole", "c1"), ("scratch", "c2")
    ]  # fmt: skip


def test_the_figures_of_regions_stand_beside_those_of_images():
    make()
    figures, facts = measured()
    assert figures["region_f1"].value == pytest.approx(4 / 5)  # the false alarm is called c2
    assert 0 < figures["region_nmi"].value < 1
    assert 0 < figures["region_ari"].value < 1
    assert (facts["regions"], facts["regions_on_masks"]) == (5, 3)


@pytest.mark.parametrize("card", [None, {**CARD, "features": "maps"}])
def test_where_images_got_their_class_as_a_whole_there_are_none(card):
    make(card)
    figures, facts = measured()
    assert figures == {}
    assert "regions" not in facts


def test_what_is_wrong_with_a_mask_costs_the_figures_of_regions_alone():
    make()
    arrays.write_mask(Path("data/part/ground_truth/hole/0_mask.png"), np.ones((5, 5), bool))
    figures, _ = measured()
    assert all(math.isnan(one.value) and "5 x 5" in one.reason for one in figures.values())
    for mask in Path("data/part/ground_truth").rglob("*.png"):
        mask.unlink()
    figures, _ = measured()
    assert {one.reason for one in figures.values()} == {class_figures.NO_MASKS}


def test_regions_of_images_that_lack_their_mask_are_left_out():
    make()
    Path("data/part/ground_truth/scratch/0_mask.png").unlink()
    figures, facts = measured()
    assert figures["region_f1"].value == pytest.approx(3 / 4)
    assert (facts["regions"], facts["defect_images_without_mask"]) == (4, 1)
