"""`--tile` and `--overlap`: what is refused, and that they are part of a model's identity."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, model_cards, plugins
from adtool.core.config import parse
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.pictures.tiling import Tiling
from adtool.core.steps import notes
from adtool.detection import normal_images
from adtool.inspect import step as inspect
from adtool.inspect.config import InspectConfig
from adtool.maps.config import MapsConfig
from adtool.maps.step import run
from adtool.train import step as train
from adtool.train.config import TrainConfig

DATA = Path("data/parts")
MODEL = ModelFolder(Path("models/patchcore/parts"))
TILES = {"tile": 32, "overlap": 8}  # of images of 40 x 56 px, seen at 80 x 112


@pytest.fixture
def maps(workspace, tiny_data, instead_of_weights):
    """`adtool maps` with few patches, in tiles if nothing else is said: `maps(tile=None)`."""
    tiny_data.make(DATA)

    def call(**settings):
        return run(MapsConfig(**(tiny_data.quick | TILES | settings)))

    return call


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"overlap": 8}, "--overlap 8 is of tiles: give --tile, too"),
        ({"tile": 32, "overlap": 32}, "--overlap 32 must be less than the tiles' side"),
        ({"tile": 0}, "tile=0: input should be greater than 0"),
        ({"tile": -5}, "tile=-5"),
        ({"tile": 32, "overlap": -1}, "overlap=-1: input should be greater than or equal to 0"),
    ],
)
@pytest.mark.parametrize(("kind", "more"), [(MapsConfig, {}), (TrainConfig, {"detector": "patchcore"})])
def test_tiles_that_make_no_sense_are_a_wrong_usage(kind, more, given, said):
    with pytest.raises(UsageError, match=said):
        parse(kind, given | more, where="adtool maps")


def test_without_an_overlap_it_is_a_quarter():
    assert MapsConfig(tile=256).tiling == Tiling(256, 64)
    assert MapsConfig(tile=256, overlap=0).tiling == Tiling(256, 0)
    assert MapsConfig().tiling is None


@pytest.mark.parametrize("name", sorted({*plugins.names("detectors")} - {"patchcore"}))
def test_a_detector_that_cannot_see_tiles_says_which_can(maps, name):
    with pytest.raises(UsageError, match=f"{name} can't see images in tiles .* --detector patchcore"):
        maps(detector=name, settings=())
    assert not Path("models").exists()


def test_tiles_that_the_backbone_cannot_see_are_refused_before_anything_is_written(maps):
    with pytest.raises(UsageError, match="--tile 15: this backbone takes at least 16 px"):
        maps(tile=15, overlap=0)
    with pytest.raises(UsageError, match=r"--overlap 30: .* Give 24 or less"):
        maps(overlap=30)
    assert not Path("models").exists()


def test_a_map_is_of_the_whole_image_at_the_scale_of_the_tiles(maps):
    maps()
    for path in Path("maps/parts").rglob("*.tiff"):
        assert arrays.read_scores(path).scores.shape == (80, 112)
    assert notes.read_note(Path("maps/parts")).all_settings["tile"] == 32
    assert json.loads(MODEL.card.read_text())["overlap"] == 8
    assert model_cards.read(MODEL).tiling == Tiling(32, 8)
    assert arrays.TILED_SCORE_RULE in model_cards.image_score_rule(MODEL)


def test_the_same_tiles_fit_and_others_do_not(maps):
    maps()
    assert maps().skipped == ["parts"]
    with pytest.raises(UsageError, match="overlap: 8 -> 16"):
        maps(overlap=16)
    with pytest.raises(UsageError, match="tile: 32 -> None"):
        maps(tile=None, overlap=None)


def test_a_model_that_knows_nothing_of_tiles_says_nothing_of_them_and_is_that_of_whole_images(maps):
    maps(tile=None, overlap=None)
    assert not {"tile", "overlap"} & json.loads(MODEL.card.read_text()).keys()
    assert not {"tile", "overlap"} & notes.read_note(MODEL.path).all_settings.keys()
    assert not {"tile", "overlap"} & notes.read_note(Path("maps/parts")).all_settings.keys()
    with pytest.raises(UsageError, match="tile: None -> 32"):
        maps()


def test_train_refuses_a_model_of_other_tiles(maps, tiny_data):
    maps()
    with pytest.raises(UsageError, match=r"made with other settings .*tile: 32 -> 40"):
        train.run(TrainConfig(detector="patchcore", **tiny_data.quick, tile=40))


def test_inspect_sees_new_images_in_the_tiles_of_the_model(maps):
    maps()
    inspect.run(InspectConfig(new=DATA / "test"))
    for path in Path("maps/parts/test").rglob("*.tiff"):
        known = arrays.read_scores(path)
        again = arrays.read_scores(Path("inspected/maps") / path.relative_to("maps/parts/test"))
        assert np.allclose(known.scores, again.scores, rtol=1e-4)
        assert known.image_score == pytest.approx(again.image_score, rel=1e-4)


def test_an_interrupted_run_goes_on_to_the_same_bytes(maps):
    maps()
    folder = MapsFolder(Path("maps"))
    whole = {path: path.read_bytes() for path in folder.path.rglob("*.tiff")}
    for path in list(whole)[2:4]:
        path.unlink()
    maps()
    assert {path: path.read_bytes() for path in whole} == whole


def test_images_whose_features_do_not_fit_into_memory_are_looked_at_once_more(maps, monkeypatch):
    maps()
    known = MODEL.normal_rows()
    shutil.rmtree("models")
    monkeypatch.setattr(normal_images, "MOST_BYTES", 1)
    maps(out=Path("again"))
    again = MODEL.normal_rows()
    assert [row["id"] for row in again] == [row["id"] for row in known]
    for row, other in zip(known, again, strict=True):
        assert float(row["image_score"]) == pytest.approx(float(other["image_score"]), rel=1e-4)


def test_tiles_that_no_image_is_larger_than_are_said_to_bring_nothing(maps, caplog):
    maps(tile=64, overlap=16)
    assert "--tile 64: no normal image is larger than a tile" in caplog.text
