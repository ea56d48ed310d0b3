"""What PatchCore's paper and AnomalyDINO do otherwise than we by default."""

import numpy as np
import pytest
import torch

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.detection import holding_out, scoring
from adtool.detection.contract import Frame, NormalImages, settings_of
from adtool.detectors import patchcore
from adtool.detectors._patchcore import foreground, rotating
from adtool.detectors._patchcore.embedding import embed
from adtool.nn import knn, smooth


def test_neighbourhoods_and_then_layers_are_averaged_to_so_many_channels_with_zeros_beyond_the_border():
    layer = torch.arange(1.0, 9.0).view(2, 2, 2)  # two channels of 2 x 2
    patches, shape = embed([layer], pool=3, grid="fine", mapped=2)
    assert shape == (2, 2)
    # As many averages as channels: each is the mean of the nine values around a place, five of which are zero.
    assert patches[0].tolist() == pytest.approx([(1 + 2 + 3 + 4) / 9, (5 + 6 + 7 + 8) / 9])
    both, _ = embed([layer, layer], pool=3, grid="fine", mapped=2)  # (a, b, a, b) becomes the means of its halves
    assert both[0].tolist() == pytest.approx([sum(patches[0].tolist()) / 2] * 2)


def test_a_coreset_begins_far_from_ten_random_vectors_none_of_which_need_be_chosen():
    vectors = torch.cat([torch.zeros(40, 2), torch.full((1, 2), 9.0), torch.full((1, 2), -5.0)])
    chosen = knn.approximate_coreset(vectors, 2, projected=0, generator=torch.Generator().manual_seed(0))
    assert chosen.tolist() == [40, 41]
    assert len(knn.approximate_coreset(vectors, 50, projected=0, generator=torch.Generator())) == 42


def test_the_map_goes_on_from_corner_to_corner_where_a_paper_has_it_so():
    grid = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert smooth.enlarge(grid, 3, 3, blur=0, corners=True).tolist() == [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]


def test_the_part_is_what_the_first_component_is_high_at_whatever_its_sign():
    where = np.zeros((10, 10), bool)
    where[3:7, 3:7] = True
    rng = np.random.default_rng(0)
    for sign in (1, -1):
        values = rng.normal(0, 0.1, (4, 10, 10))
        values[0] += sign * np.where(where, 40, -8)
        layer = torch.from_numpy(values.astype(np.float32))
        found = foreground.of(layer, (10, 10))
        assert found[2:8, 2:8].all()  # grown by one
        assert not found[0].any()
    assert foreground.of(layer, (20, 20)).shape == (20, 20)
    assert foreground.is_asked_for("published", "screw")
    assert not foreground.is_asked_for("published", "tile")


def test_an_image_is_turned_about_its_middle():
    image = np.zeros((5, 5, 3), np.uint8)
    image[0, 2] = 255
    assert rotating.turned(image, 90)[2, 0].tolist() == [255] * 3  # against the clock
    assert np.array_equal(rotating.turned(image, 360), image)


def test_a_few_normal_images_are_the_next_ones_for_the_next_seed(tiny_data, tmp_path):
    train = list(read_dataset(tiny_data.make(tmp_path / "parts", train=5)).category("parts").train)
    assert holding_out.few(train, 2, 0) == train[:2]
    assert holding_out.few(train, 2, 1) == train[2:4]
    assert holding_out.few(train, 2, 2) == [train[4], train[0]]
    assert holding_out.few(train, 0, 3) == train
    with pytest.raises(UsageError, match="shots=6: 5 normal images are there to learn from"):
        holding_out.few(train, 6, 0)


@pytest.mark.parametrize("preset", patchcore.PRESETS)
def test_both_learn_find_defects_and_are_stored(preset, tiny_data, tmp_path, small_network):
    category = read_dataset(tiny_data.make(tmp_path / "parts", train=5)).category("parts")
    small = ("mapped=16", "bank_share=0.5") if preset == "paper" else ("rotations=2",)
    settings = settings_of("patchcore", patchcore, [f"preset={preset}", *small])
    frame, folder = Frame(small_network, 64, 4, 0), ModelFolder(tmp_path / "model")
    opened = scoring.fit(patchcore, NormalImages(category.train, frame, folder, []), settings)
    places = small_network.layers[0].stride
    per_image = (64 // places) ** 2
    assert len(opened.model.memory.bank) == (5 * per_image // 2 if preset == "paper" else 5 * per_image * 2)
    assert opened.model.pooled is None
    assert opened.model.memory.borders is None
    scored = {one.sample: one for one in opened.score(category.test)}
    normal = max(one.image_score for sample, one in scored.items() if category.is_normal(sample))
    assert sum(one.image_score > normal for sample, one in scored.items() if not category.is_normal(sample)) >= 3
    scoring.save(opened, "patchcore", settings, folder, {})
    again = scoring.load(patchcore, folder, frame)
    for one, other in zip(opened.score(category.test), again.score(category.test), strict=True):
        assert one.image_score == other.image_score
        assert np.array_equal(one.scores, other.scores)


def test_places_beside_the_part_score_nothing(tiny_data, tmp_path, small_network):
    category = read_dataset(tiny_data.make(tmp_path / "screw", train=5)).category("screw")
    settings = settings_of("patchcore", patchcore, ["preset=anomalydino", "rotations=1", "blur=0"])
    frame = Frame(small_network, 64, 4, 0)
    opened = scoring.fit(patchcore, NormalImages(category.train, frame, ModelFolder(tmp_path / "m"), []), settings)
    for one in opened.score(category.test):  # the tiny network's features are far smaller than DINOv2's: no part
        assert not one.scores.any()
        assert one.image_score == 0
