"""`adtool maps --overlays`, and that `inspect` and the runtime frame the same."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.layout import InspectedFolder, MapsFolder
from adtool.core.limits import decisions, limit_file
from adtool.core.overlays_folder import BOXES_COLUMNS, INSPECT_BOXES_COLUMNS
from adtool_runtime import table
from adtool_runtime.__main__ import main
from adtool_runtime.boxes import boxes_of

MAPS = MapsFolder(Path("maps"))
OVERLAYS = MAPS.overlays("parts")


@pytest.fixture
def there(exported_once, workspace, instead_of_weights):
    """Maps of `parts`, their model and their export."""
    shutil.copytree(exported_once, workspace, dirs_exist_ok=True)
    return workspace


def overlays(adtool, *more, code=0):
    ran = adtool("maps", "--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64", "--overlays", *more)
    assert ran.code == code, ran.err
    return ran


def said(ran):
    return " ".join((ran.out + ran.err).split())


def by_image(rows, key="id"):
    found = {}
    for row in rows:
        found.setdefault(row[key], []).append([float(row[name]) for name in BOXES_COLUMNS[1:]])
    return found


def test_each_picture_is_drawn_and_each_region_above_the_limit_has_a_row(there, adtool):
    before = {path: path.stat().st_mtime_ns for path in Path("maps").rglob("*.tiff")}
    shown = json.loads(overlays(adtool, "--json").out)
    assert {path: path.stat().st_mtime_ns for path in Path("maps").rglob("*.tiff")} == before
    limit, found = limit_file.read(Path("maps/parts")).value, by_image(files.read_csv(OVERLAYS.boxes))
    for row in MAPS.image_rows("parts"):
        scores = arrays.read_scores(MAPS.scores("parts", row["id"])).scores
        expected = boxes_of(scores, limit, (40, 56), is_rejected=row["decision"] == "NOK")
        assert found.pop(row["id"], []) == [
            pytest.approx([one.x, one.y, one.width, one.height, one.score, one.area_px], rel=1e-8) for one in expected
        ]
        assert arrays.read_image(OVERLAYS.picture(row["id"])).shape[1] >= 240
    assert not found
    assert by_image(shown["boxes"]["parts"]).keys() == by_image(files.read_csv(OVERLAYS.boxes)).keys()


def test_a_box_is_in_pixels_of_the_picture_and_has_the_area_of_its_region(there, adtool):
    scores = np.zeros((20, 28), np.float32)  # half the size of the pictures
    scores[2:6, 10], scores[2, 10:14] = 9, 8  # an L of 4 + 3 pixels, 28 of the picture
    key = MAPS.image_rows("parts")[0]["id"]
    arrays.write_scores(MAPS.scores("parts", key), scores, 9.0)
    decisions.apply(Path("maps/parts"), limit_file.read(Path("maps/parts")).model_copy(update={"value": 7.0}))
    overlays(adtool)
    assert by_image(files.read_csv(OVERLAYS.boxes))[key] == [[20, 4, 8, 8, 9, 28]]


def test_inspect_and_the_runtime_frame_what_maps_frames(there, adtool):
    overlays(adtool)
    ours = by_image(files.read_csv(OVERLAYS.boxes))
    assert len(ours) >= 4, "the four parts with a defect"
    ran = adtool("inspect", "data/parts/test", "--json")
    assert ran.code == 0, ran.err
    table_of = files.read_csv(InspectedFolder(Path("inspected")).overlays.boxes)
    assert tuple(table_of[0]) == INSPECT_BOXES_COLUMNS
    shown = json.loads(ran.out)["boxes"]
    assert [row["file"] for row in shown] == [row["file"] for row in table_of]
    assert main(["export/parts", "data/parts/test", "--overlays", "drawn", "--csv", "out.csv"]) == 0
    line = files.read_csv(Path("drawn/boxes.csv"))
    assert tuple(line[0]) == table.BOXES_COLUMNS
    theirs = by_image(table_of, "file"), by_image(line, "file")
    for found, key_of in zip(
        theirs, (lambda key: key.removeprefix("test/"), lambda key: f"data/parts/{key}"), strict=True
    ):
        assert found == {
            f"{key_of(key)}.png": [pytest.approx(box, rel=1e-3) for box in boxes] for key, boxes in ours.items()
        }
    for row in MAPS.image_rows("parts"):
        one, other = (
            arrays.read_image(path).astype(int)
            for path in (OVERLAYS.picture(row["id"]), Path("drawn", f"{row['id'].removeprefix('test/')}.png.jpg"))
        )
        assert np.abs(one - other).max() <= 40, "JPEG's noise at most: the same colours, boxes and words"


def test_a_rejected_picture_without_a_pixel_above_the_limit_shows_its_highest_place():
    scores = np.zeros((10, 10), np.float32)
    scores[4, 5], scores[9, 9] = 3, 2
    assert boxes_of(scores, 5.0, (10, 10)) == ()
    (box,) = boxes_of(scores, 5.0, (10, 10), is_rejected=True)
    assert (box.x, box.y, box.width, box.height, box.score, box.area_px) == (5, 4, 1, 1, 3, 1)
    assert boxes_of(scores, None, (10, 10), is_rejected=True) == (box,), "of maps in another unit"


def test_overlays_of_a_limit_that_moved_are_said_to_be_of_the_one_before(there, adtool):
    assert "shows the limit before" not in said(adtool("decide", "--at", 3))
    overlays(adtool)
    assert "maps/parts/overlays shows the limit before: `adtool maps --overlays`" in said(adtool("decide", "--at", 2))
    assert "shows the limit before" not in said(adtool("decide", "--at", 2)), "it did not move"


def test_a_shard_draws_none(there, adtool):
    assert "leave it out of --shard 1/2" in overlays(adtool, "--shard", "1/2", code=2).err
