import logging
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.errors import MissingInputError
from adtool.nn.backbone import from_model
from adtool.nn.feature_reader import FeatureReader


class MeanBackbone:
    """Sees the mean of each image, and notes the batches it gets."""

    mean, std, multiple = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 8
    engine, device = "torch", torch.device("cpu")

    def __init__(self, *, fills_batches=False):
        self.batches = []
        self.fills_batches = fills_batches

    def stream(self, batches):
        for key, images in batches:
            self.batches.append(images.shape)
            yield key, [torch.from_numpy(images).mean(dim=(2, 3), keepdim=True)]


@pytest.fixture
def read(tmp_path):
    def call(images, fills_batches=False, **settings):
        samples = []
        for number, image in enumerate(images):
            path = tmp_path / f"{number}.png"
            if image is None:
                path.write_bytes(b"no image")
            else:
                arrays.write_png(path, image)
            samples.append(Sample("c", str(number), "test", "good", path))
        settings = {"image_size": 16, "keep_aspect": False, "batch_size": 2} | settings
        reader = FeatureReader(MeanBackbone(fills_batches=fills_batches), **settings)
        return SimpleNamespace(reader=reader, sights=list(reader.see(samples)), batches=reader.backbone.batches)

    return call


def flat(value, height=16, width=16):
    return np.full((height, width, 3), value, np.uint8)


def test_every_image_keeps_its_own_features_in_order(read):
    found = read([flat(10 * n) for n in range(5)])
    assert [one.sample.id for one in found.sights] == ["0", "1", "2", "3", "4"]
    assert [round(float(one.layers[0][0]) * 255) for one in found.sights] == [0, 10, 20, 30, 40]
    assert found.batches == [(2, 3, 16, 16), (2, 3, 16, 16), (1, 3, 16, 16)]


def test_where_the_number_of_images_changes_digits_all_batches_have_the_same(read):
    found = read([flat(10 * n) for n in range(5)], fills_batches=True)
    assert [round(float(one.layers[0][0]) * 255) for one in found.sights] == [0, 10, 20, 30, 40]
    assert found.batches == [(2, 3, 16, 16)] * 3
    mixed = read([flat(0, 20, 40), flat(0, 40, 20)], fills_batches=True, keep_aspect=True)
    assert mixed.batches == [(1, 3, 8, 24), (1, 3, 24, 8)], "on a CPU"


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_what_is_seen_of_an_image_does_not_depend_on_its_neighbours_in_a_batch(tmp_path, engine):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    backbone = from_model("test_resnet", model, layers=(8, 16), engine=engine, device="cpu")
    rng = np.random.default_rng(0)
    samples = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        arrays.write_png(path, rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
        samples.append(Sample("c", str(number), "test", "good", path))

    def seen(some):
        reader = FeatureReader(backbone, image_size=64, keep_aspect=False, batch_size=4)
        return {one.sample.id: [layer.numpy().tobytes() for layer in one.layers] for one in reader.see(some)}

    every = seen(samples)
    for some in (samples[::-1], samples[::2], samples[5:], samples[:1], samples[3:4]):
        assert seen(some) == {one.id: every[one.id] for one in some}


def test_an_unreadable_image_is_skipped_and_said(read, caplog):
    with caplog.at_level(logging.WARNING, logger="adtool"):
        found = read([flat(0), None, flat(20)])
    assert [one.sample.id for one in found.sights] == ["0", "2"]
    assert len(found.reader.unreadable) == 1
    (record,) = caplog.records
    assert record.getMessage().startswith("skipped 1 unreadable image: ")
    assert "1.png" in record.getMessage()


def test_only_images_of_one_input_size_share_a_batch(read):
    images = [flat(0, 20, 40), flat(0, 20, 40), flat(0, 40, 20)]
    found = read(images, keep_aspect=True, batch_size=8)
    assert found.batches == [(2, 3, 8, 24), (1, 3, 24, 8)]
    assert [one.size for one in found.sights] == [(8, 24), (8, 24), (24, 8)]


def test_without_the_aspect_all_become_squares(read):
    found = read([flat(0, 20, 40), flat(0, 40, 20)])
    assert [one.size for one in found.sights] == [(16, 16)] * 2


def test_an_image_that_is_gone_is_an_error(tmp_path):
    reader = FeatureReader(MeanBackbone(), image_size=16, keep_aspect=False, batch_size=2)
    with pytest.raises(MissingInputError, match="No image"):
        list(reader.see([Sample("c", "x", "test", "good", tmp_path / "x.png")]))


def test_no_images_give_no_batches(read):
    assert read([]).batches == []


class Overflowing(MeanBackbone):
    """Makes NaN of black images, infinity of white ones."""

    name, is_half = "small", True

    def stream(self, batches):
        for key, (features,) in super().stream(batches):
            yield key, [torch.where(features == 0, torch.nan, torch.where(features == 1, torch.inf, features))]


def test_an_image_whose_features_are_no_numbers_is_skipped_and_said(tmp_path, caplog):
    samples = []
    for number, value in enumerate((0, 10, 255)):
        arrays.write_png(tmp_path / f"{number}.png", flat(value))
        samples.append(Sample("c", str(number), "test", "good", tmp_path / f"{number}.png"))
    reader = FeatureReader(Overflowing(), image_size=16, keep_aspect=False, batch_size=2)
    with caplog.at_level(logging.WARNING, logger="adtool"):
        assert [one.sample.id for one in reader.see(samples)] == ["1"]
    assert len(reader.unreadable) == 2
    assert "small makes NaN or infinite features of" in caplog.text
    assert "--engine torch:" in caplog.text
