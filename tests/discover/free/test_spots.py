import numpy as np
import pytest
import torch

from adtool.discover.free import features, spots
from adtool.discover.free.features import Item
from adtool_runtime.classes import spots as cutting
from adtool_runtime.classes.spots import SpotAxes, Spots


def test_the_middle_is_the_mean_place_of_what_hangs_together_at_the_maximum():
    guide = np.zeros((4, 10), np.float32)
    guide[1, 2], guide[1, 3] = np.log(3), np.log(3)  # as high as each other, so the middle lies between
    guide[3, 8] = np.log(2)  # above half of it, and apart
    assert cutting.middle(guide) == pytest.approx((1.5 / 4, 3 / 10))
    guide[1, 3] = np.log(1.8)  # above half of log 3; it weighs 1.8 where the other weighs 3
    assert cutting.middle(guide) == pytest.approx((1.5 / 4, (2.5 * 3 + 3.5 * 1.8) / 4.8 / 10))


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    guide = np.zeros((60, 60), np.float32)
    guide[20, 40] = 9.0
    return rng.integers(0, 255, (120, 120, 3), dtype=np.uint8), guide


def test_the_square_is_a_share_of_the_longer_side_and_lies_around_the_spot():
    image, guide = np.zeros((100, 200, 3), np.uint8), np.zeros((50, 100), np.float32)
    image[51 - 20 : 51 + 20, 141 - 20 : 141 + 20] = 255  # a fifth of 200 px; the guide's pixel (25, 70) has this middle
    guide[25, 70] = 9.0
    pictures, guides = cutting.turns(image, guide, 64)
    assert len(pictures) == len(guides) == cutting.TURNS
    assert pictures[0][2:-2, 2:-2].min() == 255
    assert np.unravel_index(guides[0].argmax(), (64, 64)) == pytest.approx((31.5, 31.5), abs=1)
    around = cutting._around(image, (0.51, 0.705), 60, 96)  # half as wide again
    assert around[:14].max() == around[-14:].max() == 0
    assert around[18:-18, 18:-18].min() == 255


def test_a_quarter_turn_is_one(picture):
    pictures, guides = cutting.turns(*picture, 32)
    quarter = cutting.TURNS // 4
    for one in (pictures, guides):
        assert np.allclose(np.rot90(one[0]), one[quarter], atol=1)
        assert np.allclose(np.rot90(one[1]), one[quarter + 1], atol=1)


def test_beyond_the_picture_lies_its_mirror_image():
    assert cutting._mirrored(-2, 7, 3).tolist() == [1, 0, 0, 1, 2, 2, 1]
    assert cutting._mirrored(-7, 3, 2).tolist() == [1, 1, 0]


def test_a_picture_that_is_turned_by_a_quarter_has_the_same_vector(picture, tiny_backbone, tmp_path):
    image, guide = picture
    turned = np.ascontiguousarray(np.rot90(image)), np.ascontiguousarray(np.rot90(guide))
    other = np.ascontiguousarray(image[::-1]), guide
    items = [Item(f"test/{k}", lambda pair=pair: pair) for k, pair in enumerate((picture, turned, other))]
    found = spots.see(items, np.arange(3), tiny_backbone, tmp_path).vectors
    apart = np.linalg.norm(found - found[0], axis=1)
    assert apart[1] < 0.1 * apart[2]


def test_what_was_seen_before_is_not_seen_again(picture, tiny_backbone, tmp_path):
    before = spots.see([Item("test/0", lambda: picture)], np.array([0]), tiny_backbone, tmp_path)

    def fail():
        raise AssertionError("loaded again")

    unseen = Item("test/1", fail)
    after = spots.see([unseen, Item("test/0", fail)], np.array([1]), tiny_backbone, tmp_path)
    assert np.array_equal(before.vectors, after.vectors)
    assert after.places.tolist() == [1]


def test_the_runtime_pools_as_torch_does():
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(8, channels, side, side)).astype(np.float32) for channels, side in ((3, 4), (5, 2))]
    guides = [rng.normal(size=(16, 16)).astype(np.float32) * 5 for _ in range(8)]
    expected = [features.pool(torch.from_numpy(layer), guides).mean(dim=0).numpy() for layer in layers]
    assert np.allclose(cutting.pooled(layers, guides), np.concatenate(expected), atol=1e-5)


def test_anomalies_are_seen_and_normal_images_spread_over_the_least_anomalous_ones():
    scores = np.arange(1000.0)
    found = spots.asked_for(scores, scores >= 990)
    assert found[:10].tolist() == list(range(990, 1000))
    assert found[10:].tolist() == list(range(0, 300, 5))  # 300 of 1000, and 60 of these
    assert spots.asked_for(scores[:2], np.array([True, True])).tolist() == [0, 1]


def test_each_layer_weighs_the_same_and_spots_are_told_from_normal_ones():
    # Two layers of one and two channels; the anomalies' variances are 4, and 9 + 16.
    odd = np.array([[2.0, 3, 4], [-2, -3, -4]])
    found = spots.fit(
        Spots(np.concatenate([odd, [[2.0, 5, 10]]]), np.array([0, 2, 3])), np.array([True, False, True, False]), [1, 2]
    )
    assert found.scale.tolist() == [2, 5, 5]
    assert found.origin.tolist() == [1, 1, 2]
    assert np.abs(found.axes[0]) == pytest.approx(np.array([1, 0.6, 0.8]) / 2**0.5)


def test_a_spot_has_a_direction_and_what_was_not_seen_has_none():
    axes = SpotAxes(np.array([2.0, 1]), np.array([1.0, 0]), np.eye(2))
    found = axes.directions(Spots(np.array([[8.0, 4]]), np.array([1])), 3)
    assert found.tolist() == [[0, 0], [pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
