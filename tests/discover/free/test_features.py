from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.discover.free.features import Item, describe, keep, pool


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


def described(tokens, guides, folder):
    """Items whose tokens are given, a list of (C, h, w) layers each."""
    layers = [SimpleNamespace(channels=len(layer)) for layer in tokens[0]]
    network = SimpleNamespace(layers=layers, multiple=32, is_half=False, mean=None, std=None, stream=list)
    grey = np.full((16, 16, 3), 100, np.uint8)
    keys = [f"test/{k}" for k in range(len(tokens))]
    for key, each, guide in zip(keys, tokens, guides, strict=True):
        keep(folder, key, each, grey, guide)
    return describe([Item(key, lambda: None) for key in keys], network, folder, image_size=32, batch_size=2)


def test_each_layer_weighs_the_same_however_many_channels_it_has_and_whatever_their_unit(tmp_path):
    generator = torch.Generator().manual_seed(0)
    tokens = [
        [torch.randn(2, 4, 4, generator=generator), 7 + 50 * torch.randn(8, 2, 2, generator=generator)]
        for _ in range(40)
    ]
    found = described(tokens, [np.zeros((4, 4), np.float32)] * 40, tmp_path)
    for number, part in enumerate((slice(0, 2), slice(2, 10))):
        every = torch.stack([one[number] for one in tokens]).transpose(0, 1).flatten(1).double()  # (C, N * P)
        squared_length = (every.var(dim=1, correction=0).numpy() / found.scale[part] ** 2).sum()
        assert squared_length == pytest.approx(1, rel=1e-4)


def test_what_the_whole_image_looks_like_drops_out(tmp_path):
    layer = torch.tensor([[[5.0, 5.0], [5.0, 9.0]]])
    guide = np.array([[0, 0], [0, 50]], np.float32)  # all of the weight at the last place
    found = described([[layer], [layer + 100]], [guide, guide], tmp_path)
    assert found.differences.tolist() == [[pytest.approx(9 - 6)], [pytest.approx(9 - 6, abs=1e-3)]]
