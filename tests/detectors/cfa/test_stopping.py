"""When training stops: the epoch that is kept, and the images that judge it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import MissingInputError
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import Frame, NormalImages
from adtool.detectors import cfa
from adtool.detectors._cfa import stopping
from adtool.detectors._cfa.descriptor import Descriptor
from adtool.detectors._cfa.train import AdaptedDescriptor


@pytest.fixture
def parts(tiny_data, tmp_path, small_network):
    category = read_dataset(tiny_data.make(tmp_path / "parts", train=8)).category("parts")
    return SimpleNamespace(category=category, frame=Frame(small_network, 64, 4, 0))


def test_the_best_epoch_is_kept_and_so_many_without_a_better_one_are_the_last(monkeypatch):
    learned = AdaptedDescriptor(Descriptor(2), torch.zeros(3, 2), radius=0.0)
    stop = stopping.EarlyStop(learned, [], lambda _: None, patience=2)
    for epoch, value in enumerate([0.5, 0.7, 0.6, 0.7], start=1):  # as good is not better
        assert not stop.is_over
        monkeypatch.setattr(stopping, "pixel_auroc", lambda _, value=value: value)
        with torch.no_grad():
            learned.radius.fill_(epoch)
        assert stop.judge(epoch) == value
    assert stop.is_over
    again = stopping.EarlyStop(learned, [], lambda _: None, patience=2)
    again.load_state_dict(stop.state_dict())
    again.restore()
    assert (again.is_over, again.best, again.epoch, float(learned.radius.detach())) == (True, 0.7, 2, 2.0)


def test_the_pixel_auroc_is_over_all_pixels_of_all_images():
    maps = [np.array([[0.1, 0.9]]), np.array([[0.2], [0.3]])]
    masks = [np.array([[False, True]]), np.array([[False], [True]])]
    assert stopping.pixel_auroc(zip(maps, masks, strict=True)) == 1
    assert stopping.pixel_auroc([(maps[0], ~masks[0])]) == 0


def fit(parts, folder, **settings):
    normals = NormalImages(parts.category.train, parts.frame, ModelFolder(folder), category=parts.category)
    return scoring.fit(cfa, normals, cfa.Settings(epochs=1, **settings))


def test_what_is_painted_on_is_not_trained_on_and_one_image_alone_is_enough(parts, tmp_path, caplog):
    out, learned = stopping.held_out(parts.category.train, 0)
    assert len(out) + len(learned) == len(parts.category.train)
    assert out
    painted = stopping.painted(out, parts.frame)
    assert len(painted) == stopping.LEAST_PAINTED
    assert all(one.mask.any() and one.mask.shape == one.seen.size for one in painted)
    fit(parts, tmp_path / "model", stop="painted")
    assert files.read_json(tmp_path / "model/.features.json")["rows"] == list(range(len(learned)))
    parts.category = SimpleNamespace(train=parts.category.train[:1])
    fit(parts, tmp_path / "other", stop="painted")
    assert "too few normal images to paint on" in caplog.text


def test_judging_by_the_masks_of_test_images_is_said_and_needs_some(parts, tmp_path, caplog):
    judging = stopping.of_test(parts.category, parts.frame)
    assert sum(one.mask.any() for one in judging) == sum(one.mask is not None for one in parts.category.test)
    assert "every figure of its maps is an oracle figure" in caplog.text
    none = SimpleNamespace(test=[], path=tmp_path, train=parts.category.train)
    with pytest.raises(MissingInputError, match="judges epochs by the masks of test images"):
        stopping.of_test(none, parts.frame)
