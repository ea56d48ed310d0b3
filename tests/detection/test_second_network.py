"""A detector may have a second network, which sees the same pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import ModelFolder
from adtool.detection import scoring, store
from adtool.detection.contract import Frame, NormalImages
from adtool.detectors import patchcore
from adtool.detectors._patchcore import pooling
from adtool.maps import step
from adtool.maps.config import MapsConfig
from adtool.nn import backbone, smooth

DATA = Path("data/parts")
SECOND = "test_vit"
SETTINGS = patchcore.Settings(drawn=1000, bank_size=64, beside=SECOND, beside_weight=2)


@pytest.fixture(scope="module")
def second():
    torch.manual_seed(1)
    model = timm.create_model(SECOND, pretrained=False, dynamic_img_size=True)
    return backbone.from_model(SECOND, model, layers=(2, 3), engine="torch")


@pytest.fixture
def parts(tiny_data, tmp_path):
    return read_dataset(tiny_data.make(tmp_path / "parts", train=6)).category("parts")


def framed(own, second):
    side = 4 * second.multiple
    return Frame(own, 64, 4, 0, beside=Frame(second, side, 3, 0))


def test_each_image_is_seen_by_both_in_order_and_what_cannot_be_read_is_skipped_once(
    small_network, second, parts, caplog
):
    broken = parts.test[2].image
    broken.write_bytes(b"no picture")
    frame = framed(small_network, second)
    shapes = [tuple(one.shape) for one in frame.beside.see([parts.test[0]]).__next__().layers]
    found = list(frame.see(parts.test, glance=lambda image: image.shape))
    alone = replace(frame, beside=None)
    assert [one.sample for one in found] == [one for one in parts.test if one.image != broken]
    assert caplog.text.count(f"{broken}") == 1
    for one, own, other in zip(found, alone.see(parts.test), frame.beside.see(parts.test), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.layers, own.layers, strict=True))
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.beside.layers, other.layers, strict=True))
        assert [tuple(layer.shape) for layer in one.beside.layers] == shapes
        assert one.beside.sample == one.sample
        assert one.glance == arrays.read_image(one.sample.image).shape
        assert one.beside.glance is None


def test_an_image_of_which_the_second_makes_no_numbers_is_left_out_and_the_others_keep_theirs(
    small_network, second, parts, monkeypatch
):
    class Failing:
        """The second network, which makes nothing of pictures that are black."""

        def __getattr__(self, name):
            return getattr(second, name)

        def stream(self, batches):
            for key, layers in second.stream((key, pixels) for key, pixels in batches):
                black = torch.tensor([not np.any(one.image.glance) for one in key])
                yield key, [torch.where(black[:, None, None, None], torch.nan, layer) for layer in layers]

    arrays.write_png(parts.test[1].image, np.zeros((64, 64, 3), np.uint8))
    frame = framed(small_network, second)
    frame = replace(frame, beside=replace(frame.beside, backbone=Failing()))
    found = list(frame.see(parts.test))
    assert [one.sample for one in found] == [one for one in parts.test if one != parts.test[1]]
    assert all(one.beside.sample == one.sample for one in found)


def test_the_map_mixes_both_and_the_image_score_is_that_of_the_first(small_network, second, parts, tmp_path):
    frame = framed(small_network, second)
    both = scoring.fit(patchcore, NormalImages(parts.train, frame, ModelFolder(tmp_path / "model")), SETTINGS)
    lone = replace(frame, beside=None)
    own = scoring.OpenedModel(
        patchcore.Model(both.model.memory, replace_setting(SETTINGS, beside=""), pooled=both.model.pooled), lone
    )
    for seen, mixed, alone in zip(frame.see(parts.test), both.score(parts.test), own.score(parts.test), strict=True):
        assert mixed.image_score == pytest.approx(alone.image_score, rel=1e-5)
        first = both.model._search.look(seen, None).distance
        other = both.model._second.look(seen.beside, None).distance
        levels = (both.model._search.level, both.model._second.level)
        expected = smooth.enlarge(pooling.both(first, other, levels, 2), 64, 64, blur=4.0)
        assert np.allclose(mixed.scores, expected, atol=1e-5)
        assert not np.allclose(mixed.scores, alone.scores, atol=1e-3)


def replace_setting(settings, **values):
    return settings.model_copy(update=values)


@pytest.fixture
def two_networks(small_network, second, monkeypatch):
    """Backbones by name: the tiny ones."""
    monkeypatch.setattr(backbone, "load", lambda name, *_, **__: second if name == SECOND else small_network)
    usual = {family: replace(one, image_size=64) for family, one in patchcore.families.USUAL.items()}
    monkeypatch.setattr(patchcore.families, "USUAL", usual)


GIVEN = {
    "image_size": 64,
    "detector": "patchcore",
    "settings": ("drawn=1000", "bank_size=64", f"beside={SECOND}"),
}


def test_a_stored_model_finds_its_second_network_again_and_scores_as_before(workspace, two_networks, tiny_data):
    tiny_data.make(DATA)
    step.run(MapsConfig(**GIVEN))
    folder = ModelFolder(Path("models/patchcore/parts"))
    opened = store.open_model(folder)
    assert opened.frame.beside.backbone.name == SECOND
    sample = read_dataset(DATA).category("parts").test[0]
    (scored,) = opened.score([sample])
    written = arrays.read_scores(Path(f"maps/parts/test/{sample.kind}/{sample.image.stem}.tiff")).scores
    assert np.allclose(scored.scores, written, atol=1e-5)
    noted = files.read_json(Path("maps/parts/_step.json"))["settings"]
    assert (noted["beside"], noted["beside_backbone"]) == (SECOND, SECOND)
    with pytest.raises(UsageError, match="beside"):
        step.run(MapsConfig(**{**GIVEN, "settings": GIVEN["settings"][:2]}))


def test_other_weights_of_the_second_network_are_refused(workspace, two_networks, tiny_data):
    tiny_data.make(DATA)
    step.run(MapsConfig(**GIVEN))
    folder = ModelFolder(Path("models/patchcore/parts"))
    card = files.read_json(folder.card)
    files.write_json(folder.card, {**card, "beside_backbone_weights": "other"})
    with pytest.raises(BadDataError, match="made with the backbone test_vit"):
        store.open_model(folder)


def test_good_parts_are_added_to_both_memories(small_network, second, parts, tmp_path):
    frame = framed(small_network, second)
    model = scoring.fit(patchcore, NormalImages(parts.train[:4], frame, ModelFolder(tmp_path / "m")), SETTINGS).model
    more = model.extended(list(frame.see(parts.train[4:])), [7, 8])
    assert len(more.beside.own.bank) > len(model.beside.own.bank)
    assert set(more.beside.own.origin.tolist()) >= {7.0, 8.0}


def test_the_same_network_twice_and_a_middle_are_refused(small_network, second, workspace, two_networks, tiny_data):
    tiny_data.make(DATA)
    with pytest.raises(UsageError, match="that is the backbone itself"):
        step.run(MapsConfig(**{**GIVEN, "settings": ("beside=test_resnet",)}))
    with pytest.raises(UsageError, match="exclude each other"):
        Frame(small_network, 64, 4, 0, centre_crop=32, beside=Frame(second, 64, 4, 0))
