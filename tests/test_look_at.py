"""`--look-at`: what lies outside counts nowhere, from the maps to the line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import adtool_runtime
from adtool.core import arrays, files, layout
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.metrics.pixels import Pixels

QUICK = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")
PART = "14,5,42,30"  # x, y, width, height of pictures of 56 x 40 pixels; 48 x 48 places of their maps
INSIDE = np.zeros((40, 56), bool)
INSIDE[5:35, 14:56] = True
KINDS = {"good": 3, "hole": 3, "scratch": 3}


@pytest.fixture(autouse=True)
def here(workspace, tiny_data, instead_of_weights):
    """A data set, and one whose pictures differ from it outside of the part."""
    tiny_data.make(Path("data/parts"), train=8, kinds=KINDS)
    shutil.copytree("data/parts", "other/parts")
    rng = np.random.default_rng(3)
    for path in sorted(Path("other/parts").glob("t*/*/*.png")):
        image = arrays.read_image(path)
        noise = rng.integers(0, 256, image.shape).astype(np.uint8)
        noise[36:40, :10] = 255 if path.parts[2] == "test" else 0  # a bright defect
        arrays.write_png(path, np.where(INSIDE[..., None], image, noise))
    return workspace


def ok(ran):
    assert ran.code == 0, ran.err
    return ran


def scores(out="maps"):
    return {row["id"]: (row["image_score"], row["decision"]) for row in MapsFolder(Path(out)).image_rows("parts")}


def maps_of(out="maps"):
    return {path.relative_to(out): arrays.read_scores(path).scores for path in sorted(Path(out).rglob("*.tiff"))}


def test_what_lies_outside_changes_no_map_no_score_and_no_limit(adtool):
    for data, out in (("data/parts", "maps"), ("other/parts", "others")):
        ok(adtool("maps", "--data", data, "--out", out, "--models", f"m_{out}", "--look-at", PART, *QUICK))
    assert scores() == scores("others")
    assert limit_file.read(Path("maps/parts")).value == limit_file.read(Path("others/parts")).value
    own, other = maps_of(), maps_of("others")
    for key, values in own.items():
        assert np.array_equal(values, other[key])
        outside = np.ones((64, 64), bool)
        outside[8:56, 16:] = False
        assert values[outside].max() == values.min() < values[8:56, 16:].max(), "outside there is nothing"
    painted = files.read_csv(Path("maps/parts/painted.csv"))
    assert len(painted) >= 19, "of 20; what would lie outside is painted elsewhere"
    ok(adtool("maps", "--data", "other/parts", "--out", "whole", "--models", "m_whole", *QUICK))
    assert scores("whole") != scores(), "without the option it does"


def test_a_mask_in_proportion_is_the_same_as_its_rectangle(adtool):
    mask = np.zeros((40, 56), bool)
    mask[4:34, 14:56] = True
    arrays.write_mask(Path("mask.png"), mask)
    arrays.write_mask(Path("half.png"), mask[::2, ::2])
    for number, part in enumerate(("14,4,42,30", "mask.png", "half.png")):
        ok(adtool("maps", "--out", f"m{number}", "--models", f"mm{number}", "--look-at", part, *QUICK))
    assert scores("m0") == scores("m1") == scores("m2")


@pytest.mark.slow
def test_all_steps_follow_what_the_maps_looked_at(adtool, tiny_data):
    ok(adtool("maps", "--look-at", PART, *QUICK, "--overlays"))
    ok(adtool("refine", "--method", "free"))
    ok(adtool("discover", "--classes", "3"))
    ok(adtool("report", "--html"))
    for row in files.read_csv(Path("classes/parts/regions.csv")):
        x, y, w, h = (int(row[name]) for name in "xywh")
        assert INSIDE[y : y + h, x : x + w].all(), f"a region outside: {row}"
    for out in ("refined", "maps"):
        for path, values in maps_of(out).items():
            assert values[:5].max() == values.min(), path
    ok(adtool("inspect", "other/parts/test"))
    theirs = {row["file"]: float(row["image_score"]) for row in files.read_csv(Path("inspected/inspect.csv"))}
    own = {f"{key.removeprefix('test/')}.png": float(score) for key, (score, _) in scores().items()}
    assert theirs == pytest.approx(own, rel=1e-5)
    ok(adtool("maps", *QUICK, "--look-at", PART))  # nothing to do
    assert "look_at" in adtool("maps", *QUICK).err, "other settings"


def test_the_line_looks_where_the_maps_did(adtool):
    ok(adtool("maps", "--look-at", PART, *QUICK))
    ok(adtool("export", "--maps", "maps"))
    part = adtool_runtime.load("export/parts")
    for key, (score, decision) in scores().items():
        for given in (Path("data/parts", f"{key}.png"), arrays.read_image(Path("other/parts", f"{key}.png"))):
            said = part.inspect(given)
            assert (said.score, said.decision) == (pytest.approx(float(score), rel=1e-4), decision)
            assert said.map[:5].max() == said.map.min()
            assert all(INSIDE[box.y, box.x] for box in said.boxes)


@pytest.mark.slow
def test_image_scores_of_refined_maps_are_of_the_part_on_a_line_as_well(adtool):
    ok(adtool("maps", "--look-at", PART, *QUICK))
    ok(adtool("refine", "--method", "free", "--keep", "always", "--image-score", "refined"))
    share = 42 * 30 / (56 * 40)  # the highest 1 % are of what is looked at: 23 of the map's 64 * 64 places, not 40
    for row in MapsFolder(Path("refined")).image_rows("parts"):
        values = arrays.read_scores(Path("refined/parts", f"{row['id']}.tiff")).scores
        assert int(0.01 * values.size * share) == 23
        assert float(row["image_score"]) == pytest.approx(np.sort(values, axis=None)[-23:].mean(), rel=1e-5)
    ok(adtool("inspect", "data/parts/test", "--maps", "refined", "--out", "again"))
    ok(adtool("export", "--with-refine"))
    part = adtool_runtime.load("export/parts")
    for row in files.read_csv(Path("again/inspect.csv")):
        key = f"test/{row['file'].removesuffix('.png')}"
        assert float(row["image_score"]) == pytest.approx(float(scores("refined")[key][0]), rel=1e-5)
        said = part.inspect(Path("data/parts/test", row["file"]))
        assert said.score == pytest.approx(float(row["image_score"]), rel=1e-4)
    for one in json.loads(Path("export/parts/check/expected.json").read_text()):
        expected = np.load(Path("export/parts", one["map"]))
        assert expected[:5].max() == expected.min(), "what goes with the export shows nothing outside either"


@pytest.mark.slow
def test_what_is_refined_and_sorted_on_the_line_is_so_where_the_maps_looked(adtool):
    ok(adtool("maps", "--look-at", PART, *QUICK))
    ok(adtool("refine", "--method", "free", "--keep", "always"))
    ok(adtool("discover", "--classes", "3"))
    ok(adtool("export", "--with-refine", "--with-classes"))
    ok(adtool("inspect", "other/parts/test"))
    part = adtool_runtime.load("export/parts")
    for row in files.read_csv(Path("inspected/inspect.csv")):
        said = part.inspect(Path("other/parts/test", row["file"]))
        assert said.class_name == row["class"]
        assert said.score == pytest.approx(float(row["image_score"]), rel=1e-4)
        own = arrays.read_scores(Path("inspected/maps", row["file"]).with_suffix(".tiff")).scores
        assert np.allclose(said.map, own, atol=1e-3 * float(np.abs(own).max()))


def test_a_data_set_says_what_to_look_at_for_all_that_comes(adtool):
    ok(adtool("prep", "mvtec", "--source", "data/parts", "--look-at", PART))
    assert json.loads(Path("data/parts/dataset.json").read_text())["reading"]["look_at"] == PART
    ok(adtool("maps", "--out", "a", "--models", "ma", *QUICK))
    ok(adtool("maps", "--data", "other/parts", "--out", "b", "--models", "mb", "--look-at", PART, *QUICK))
    assert scores("a") == scores("b")
    said = adtool("maps", "--look-at", "0,0,9,9", "--out", "c", *QUICK)
    assert said.code == 2
    assert f"was prepared with --look-at {PART}" in said.err


def test_pixels_outside_are_in_no_figure():
    values = np.array([[9.0, 1, 2, 8]], np.float32)
    mask = np.array([[True, False, True, False]])
    inside = np.array([[False, True, True, True]])
    found = Pixels.of([(values, mask, inside)])
    assert (found.defects.tolist(), found.normals[0].tolist()) == ([2], [1, 8])
    assert (found.n_regions, found.n_pixels) == (1, 3)


def test_figures_are_of_what_was_looked_at_and_a_defect_that_lies_outside_is_left_out(adtool):
    mask = np.zeros((40, 56), bool)
    mask[36:39, 2:6] = True
    arrays.write_mask(Path("data/parts/ground_truth/hole/000_mask.png"), mask)
    ok(adtool("maps", "--look-at", PART, *QUICK))
    ok(adtool("report"))
    (source,) = json.loads(Path("report/metrics.json").read_text())["sources"]
    facts = source["categories"][0] if "categories" in source else source
    masks = [arrays.read_mask(path) for path in Path("data/parts/ground_truth").rglob("*.png")]
    left_out = sum(not (one & INSIDE).any() for one in masks)
    assert 1 <= left_out < 6
    text = json.dumps(facts)
    assert f'"defects_not_looked_at_left_out": {left_out}' in text
    assert f'"images": {9 - left_out}' in text
    assert f'"pixels": {(9 - left_out) * int(INSIDE.sum())}' in text


@pytest.mark.parametrize(
    ("part", "code", "said"),
    [
        ("1,2,3", 2, "give x,y,width,height"),
        ("1,2,0,5", 2, "give x,y,width,height"),
        ("-5,0,10,10", 2, "give x,y,width,height"),
        ("60,0,5,5", 3, "lies outside of 56 x 40 px"),
        ("nowhere.png", 3, "there is no such mask"),
        ("black.png", 3, "is black"),
        ("square.png", 3, "has other proportions than 56 x 40 px"),
        ("text.png", 3, "text.png"),
    ],
)
def test_what_can_not_be_looked_at_is_said_before_anything_is_written(adtool, part, code, said):
    arrays.write_mask(Path("black.png"), np.zeros((40, 56), bool))
    arrays.write_mask(Path("square.png"), np.ones((40, 40), bool))
    Path("text.png").write_text("no picture")
    for words in (("maps", *QUICK), ("prep", "mvtec", "--source", "data/parts")):
        ran = adtool(*words, "--look-at", part)
        assert (ran.code, said in " ".join(ran.err.split())) == (code, True), ran.err
    assert not Path("maps").exists()
    assert not Path("data/parts", layout.SAMPLES_FILE).exists()
