import numpy as np
import pytest
import torch

from adtool.discover.free.features import Item, describe, pool


def test_an_even_guide_gives_the_mean():
    tokens = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert pool(tokens, [np.zeros((8, 8), np.float32)]).tolist() == [[1.5, 5.5]]


def test_a_place_weighs_by_the_exponential_of_its_guide():
    tokens = torch.tensor([[[[0.0, 4.0]]]])
    guide = np.array([[0, np.log(3)]], np.float32)
    assert pool(tokens, [guide]).item() == pytest.approx(3)  # (0 * 1 + 4 * 3) / 4


def test_a_guide_of_another_size_is_averaged_over_each_token():
    tokens = torch.tensor([[[[0.0, 4.0]]]])
    guide = np.array([[0, 0, 0, 2 * np.log(3)]], np.float32)
    assert pool(tokens, [guide]).item() == pytest.approx(3)


def items(rng, count):
    def item(k):
        image = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        return Item(f"test/{k}", lambda: (image, np.zeros((10, 10), np.float32)))

    return [item(k) for k in range(count)]


def test_without_a_preference_an_image_does_not_differ_from_itself(tiny_backbone, tmp_path):
    found = describe(items(np.random.default_rng(0), 3), tiny_backbone, tmp_path, image_size=32, batch_size=2)
    assert found.differences.shape == (3, sum(layer.channels for layer in tiny_backbone.layers))
    assert np.abs(found.differences).max() < 1e-5
    assert (found.scale > 0).all()


def test_what_was_described_before_is_not_described_again(tiny_backbone, tmp_path):
    first = items(np.random.default_rng(0), 3)
    before = describe(first, tiny_backbone, tmp_path, image_size=32, batch_size=2)

    def fail():
        raise AssertionError("loaded again")

    again = [Item(one.key, fail) for one in first]
    assert np.array_equal(describe(again, tiny_backbone, tmp_path, image_size=32, batch_size=2).scale, before.scale)
