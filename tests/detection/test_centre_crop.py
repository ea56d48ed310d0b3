"""Only the middle of images is seen, as some papers do; maps are of all of them."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.core.pictures.tiling import Tiling
from adtool.detection import scoring, store
from adtool.detection.contract import Frame, Needs, NormalImages
from adtool.detectors import dinomaly, patchcore
from adtool.maps import step
from adtool.maps.config import MapsConfig
from adtool.nn.feature_reader import Picture, SeenImage
from adtool_runtime import images

DATA = Path("data/parts")
SETTINGS = patchcore.Settings(drawn=1000, bank_size=64, standard=False)


def test_an_image_is_brought_to_a_size_and_its_middle_is_taken_as_the_papers_do():
    assert images.around_middle((300, 400), 256, 224, keep_aspect=False) == (256, 256)
    assert images.around_middle((300, 400), 256, 224, keep_aspect=True) == (256, 341)  # the shorter side is 256
    assert images.middle((256, 341), 224) == (slice(16, 240), slice(58, 282))


def test_features_are_those_of_the_middle_and_the_map_goes_on_beyond_it(small_network, tiny_data, tmp_path):
    whole = read_dataset(tiny_data.make(tmp_path / "parts", train=5)).category("parts")
    frame = Frame(small_network, 96, 4, 0, centre_crop=64)
    inside = Frame(small_network, 64, 4, 0)

    def cropped(one: Sample) -> Picture:
        return Picture(one, images.resize(arrays.read_image(one.image), 96, 96)[16:80, 16:80])

    normals = NormalImages(whole.train, frame, ModelFolder(tmp_path / "model"))
    model = scoring.fit(patchcore, normals, SETTINGS)
    by_hand = dataclasses.replace(model, frame=inside)
    both = zip(model.score(whole.test), by_hand.score(map(cropped, whole.test)), strict=True)
    for found, expected in both:
        assert found.scores.shape == (96, 96)
        assert np.array_equal(found.scores[16:80, 16:80], expected.scores)
        assert np.array_equal(found.scores, cv2.copyMakeBorder(expected.scores, 16, 16, 16, 16, cv2.BORDER_REPLICATE))
        assert found.image_score == expected.image_score  # of what was seen


def test_painted_defects_lie_in_what_is_seen(small_network):
    frame = Frame(small_network, 96, 4, 0, centre_crop=32)
    grey = np.random.default_rng(0).integers(100, 130, (120, 120, 3)).astype(np.uint8)
    _, mask = frame.paint(grey, "hole", np.random.default_rng(1), size=1, contrast=1.5)
    assert mask.any()
    assert mask[:30].sum() + mask[90:].sum() + mask[:, :30].sum() + mask[:, 90:].sum() == 0


def test_what_a_network_cannot_see_is_refused(small_network):
    with pytest.raises(UsageError, match="exclude each other"):
        Frame(small_network, 64, 4, 0, tiling=Tiling(64, 16), centre_crop=32)
    for wrong in (80, 3):
        with pytest.raises(UsageError, match="give --centre-crop from 16 to 64"):
            Frame(small_network, 64, 4, 0, centre_crop=wrong)
    assert Frame(small_network, 64, 4, 0, centre_crop=50).crop == 48


def test_rebuilt_features_go_on_beyond_what_was_seen():
    class Copies:
        def rebuild(self, seen):
            return seen.layers, seen.layers

    layer = torch.arange(4.0).view(1, 2, 2)
    seen = SeenImage(None, [layer], (32, 32), margins=((16, 16), (0, 16)))
    features, _ = scoring.rebuilt(Copies(), seen)
    assert features[0].tolist() == [[[0, 1, 1], [0, 1, 1], [2, 3, 3], [2, 3, 3]]]


def test_maps_and_a_model_note_the_middle_and_a_stored_model_sees_it_again(
    workspace, instead_of_weights, tiny_data, caplog
):
    tiny_data.make(DATA)
    settings = {
        "image_size": 96,
        "centre_crop": 64,
        "detector": "patchcore",
        "settings": ("drawn=1000", "bank_size=64"),
    }
    with caplog.at_level("INFO", logger="adtool"):
        step.run(MapsConfig(**settings))
    assert caplog.text.count("The middle 64 of 96 px is seen") == 1
    assert arrays.read_scores(Path("maps/parts/test/hole/000.tiff")).scores.shape == (96, 96)
    assert files.read_json(Path("maps/parts/_step.json"))["settings"]["centre_crop"] == 64
    assert store.open_model(ModelFolder(Path("models/patchcore/parts"))).frame.crop == 64
    with pytest.raises(UsageError, match="centre_crop"):
        step.run(MapsConfig(**{**settings, "centre_crop": None}))


def test_tiles_and_a_middle_are_not_asked_for_together(adtool, workspace):
    found = adtool("maps", "--tile", "64", "--centre-crop", "32")
    assert found.code == 2
    assert "exclude each other: give one" in found.err


def test_a_preset_s_middle_goes_with_its_size(workspace, instead_of_weights):
    paper = dinomaly.Settings(**dinomaly.PRESETS["paper"])
    wanted = dinomaly.needs(paper, "vit_base_patch14_reg4_dinov2")
    assert (wanted.image_size, wanted.centre_crop) == (448, 392)
    assert dinomaly.needs(dinomaly.Settings(), "dinov2_vits14") == Needs(
        (2, 3, 4, 5, 6, 7, 8, 9), image_size=252, whole=True
    )
