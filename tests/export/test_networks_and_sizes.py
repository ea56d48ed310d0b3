"""Exports of models that see pictures otherwise than whole and squared, or with two networks."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from adtool.core import files
from adtool.detectors import patchcore
from adtool.nn import backbone
from adtool_runtime import load
from adtool_runtime.errors import BadDataError

SECOND = "test_vit"
FORMATS = [
    "openvino",
    pytest.param("onnx", marks=pytest.mark.skipif(not all(map(find_spec, ("onnx", "onnxruntime"))), reason="no onnx")),
]
SEEN = {
    "two networks": ("beside=test_vit",),
    "two networks, at their own ratio": ("beside=test_vit", "keep_aspect=true"),
    "at its own ratio": ("keep_aspect=true",),
    "the middle": ("crop_px=48",),
    "the middle, at its own ratio": ("crop_px=48", "keep_aspect=true"),
    "tiles": ("tile=32",),
    "tiles, by two networks": ("tile=32", "beside=test_vit"),
    "tiles, their highest patch": ("tile=24", "image_score=max", "standard=false"),
    "tiles, the highest patches": ("tile=32", "image_score=patches", "standard=false"),
    "one tile": ("tile=64",),
}


@pytest.fixture(autouse=True)
def networks(small_network, monkeypatch):
    """Backbones by name: tiny ones, both with inputs of 64 px."""
    torch.manual_seed(1)
    vit = timm.create_model(SECOND, pretrained=False, dynamic_img_size=True)
    second = backbone.from_model(SECOND, vit, layers=(2, 3), engine="torch")
    monkeypatch.setattr(backbone, "load", lambda name, *_, **__: second if name == SECOND else small_network)
    usual = {family: replace(one, image_size=64) for family, one in patchcore.families.USUAL.items()}
    monkeypatch.setattr(patchcore.families, "USUAL", usual)


def words(*settings):
    tiles = [word for one in settings if one.startswith("tile=") for word in ("--tile", one.removeprefix("tile="))]
    own = [one for one in ("drawn=1000", "bank_size=64", *settings) if not one.startswith("tile=")]
    given = [*tiles, *(word for one in own for word in ("--set", one))]
    return ["maps", "--detector", "patchcore", "--image-size", 64, *given]


def mapped(adtool, *settings):
    ran = adtool(*words(*settings))
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.slow if how.startswith(("tiles", "two")) else ()) for how in SEEN]
)
def test_an_export_gives_maps_and_scores_as_the_model_does(workspace, tiny_data, adtool, how, format):
    tiny_data.make(Path("data/parts"), train=6)
    mapped(adtool, *SEEN[how])
    ran = adtool("export", "--format", format)
    assert ran.code == 0, ran.err
    checked = json.loads(Path("export/parts/adtool.json").read_text())["checked"]["engines"]
    assert max(one["largest_difference"] for one in checked) < 1e-5
    assert max(one["map_difference"] for one in checked) < 1e-4
    expected = json.loads(Path("export/parts/check/expected.json").read_text())[0]
    said = load("export/parts").inspect(Path("export/parts") / expected["picture"])
    np.testing.assert_allclose(said.map, np.load(Path("export/parts") / expected["map"]), rtol=1e-3, atol=1e-4)


def test_what_is_shown_is_another_map_than_what_judges_where_there_are_two_networks(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=6)
    mapped(adtool, "beside=test_vit", "beside_weight=9")
    assert adtool("export").code == 0
    text = Path("export/parts/model.xml").read_text()
    assert '"shown"' in text
    assert '"beside"' in text


@pytest.mark.slow
def test_the_limit_of_one_network_frames_nothing_in_the_map_of_two(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=6)
    two = words("beside=test_vit", "beside_weight=9")
    assert adtool(*two).code == 0
    assert adtool("decide", "--at", "1e-6").code == 0  # every pixel is above it, in whichever unit
    assert adtool(*two, "--overlays").code == 0
    assert adtool("export").code == 0
    boxes = files.read_csv(Path("maps/parts/overlays/boxes.csv"))
    assert [row["id"] for row in boxes] == [row["id"] for row in files.read_csv(Path("maps/parts/images.csv"))]
    assert all(int(row["area_px"]) < 0.05 * 40 * 56 for row in boxes), "the highest place, not the whole part"
    said = load("export/parts").inspect("data/parts/test/hole/000.png").boxes
    assert [one.area_px for one in said] == [int(row["area_px"]) for row in boxes if row["id"] == "test/hole/000"]
    assert adtool("decide", "--at", "1e6").code == 0
    assert adtool(*two, "--overlays", "--force", "--at", "1e6").code == 0
    assert files.read_csv(Path("maps/parts/overlays/boxes.csv")) == []


def test_a_picture_of_another_ratio_is_an_error_that_says_which_one_is_wanted(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=6)
    mapped(adtool, "keep_aspect=true")
    assert adtool("export").code == 0
    part = load("export/parts")
    with pytest.raises(BadDataError, match=r"The array has 40 x 40 px.*ratio"):
        part.inspect(np.zeros((40, 40, 3), np.uint8))
    larger = part.inspect(np.full((80, 112, 3), 120, np.uint8))
    assert larger.map.shape == part.inspect("data/parts/test/good/000.png").map.shape


def parts_and_one_of(tiny_data, height: int, width: int) -> None:
    """A data set of one size, and a test picture of another."""
    tiny_data.make(Path("data/parts"), train=6)
    Image.fromarray(np.full((height, width, 3), 110, np.uint8)).save("data/parts/test/hole/000.png")
    Path("data/parts/ground_truth/hole/000_mask.png").unlink()


def test_pictures_of_several_ratios_are_not_exported_where_each_is_seen_at_its_own(workspace, tiny_data, adtool):
    parts_and_one_of(tiny_data, 40, 40)
    mapped(adtool, "keep_aspect=true")
    ran = adtool("export")
    assert ran.code == 2
    assert "keep_aspect=false" in ran.err
    assert "test/hole/000" in ran.err


def test_pictures_of_several_sizes_are_not_exported_where_they_are_seen_in_tiles(workspace, tiny_data, adtool):
    parts_and_one_of(tiny_data, 60, 56)
    mapped(adtool, "tile=32")
    ran = adtool("export")
    said = " ".join(ran.err.split())
    assert ran.code == 2
    assert "train/good/005 has 56 x 40 px, test/hole/000 56 x 60" in said
    assert "without --tile" in said


def test_a_picture_of_another_size_is_an_error_where_it_is_seen_in_tiles(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=6)
    mapped(adtool, "tile=32")
    assert adtool("export").code == 0
    part = load("export/parts")
    with pytest.raises(BadDataError, match=r"The array has 112 x 80 px, .* for pictures of about 56 x 40 px"):
        part.inspect(np.zeros((80, 112, 3), np.uint8))
    written = json.loads(Path("export/parts/adtool.json").read_text())
    assert set(written["files"]) >= {"tiles.xml", "tiles.bin", "model.xml"}
    written["input"]["tiles"]["overlap"] = 64
    files.write_json(Path("export/parts/adtool.json"), written)
    with pytest.raises(BadDataError, match=r"input.tiles: .*overlap wholly"):
        load("export/parts")


@pytest.mark.slow
def test_what_is_seen_in_tiles_is_refined_and_gets_its_class_on_the_line(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=12, kinds={"good": 4, "hole": 6, "scratch": 6})
    mapped(adtool, "tile=32")
    sets = ("templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=3", "batch=4", "judged=6")
    ran = adtool("refine", "--keep", "always", *(word for one in sets for word in ("--set", one)))
    assert ran.code == 0, ran.err
    assert adtool("discover", "--classes", 3).code == 0
    ran = adtool("export", "--with-refine", "--with-classes", "--format", "both" if find_spec("onnx") else "openvino")
    assert ran.code == 0, ran.err
    assert adtool("inspect", "data/parts/test").code == 0
    part = load("export/parts")
    for row in files.read_csv(Path("inspected/inspect.csv")):
        said = part.inspect(Path("data/parts/test", row["file"]))
        assert (said.decision, said.class_name) == (row["decision"], row["class"])
        assert said.score == pytest.approx(float(row["image_score"]), rel=1e-4)
