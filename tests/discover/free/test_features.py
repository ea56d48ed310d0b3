from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.discover.free import features
from adtool.discover.free.features import Item, describe, keep, pool
from adtool.nn.families import Family


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


def described(tokens, guides, folder, family=Family.CONV):
    """Items whose tokens are given, a list of (C, h, w) layers each."""
    layers = [SimpleNamespace(channels=len(layer)) for layer in tokens[0]]
    network = SimpleNamespace(
        layers=layers, family=family, multiple=32, is_half=False, mean=None, std=None, stream=list
    )
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


def test_items_of_one_image_with_other_guides_are_described_in_one_pass_as_they_are_alone(tiny_backbone, tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 50, 3), dtype=np.uint8) for _ in range(3)]

    def item(place, number=0):
        guide = np.zeros((10, 10), np.float32)
        guide[number, place] = 20
        return Item(f"test/{place}+{number}", lambda: (images[place], guide))

    first, others = [item(0), item(1), item(2)], {"test/1+0": [item(1, 4), item(1, 7)]}
    sizes = {"image_size": 32, "batch_size": 2}
    seen = []
    network = SimpleNamespace(
        **{name: getattr(tiny_backbone, name) for name in ("layers", "family", "multiple", "is_half", "mean", "std")},
        stream=lambda batches: tiny_backbone.stream((key, seen.extend(x) or x) for key, x in batches),
    )
    together = describe(first, network, tmp_path / "together", **sizes, further=others)
    assert len(seen) == 3
    alone = describe(first, tiny_backbone, tmp_path / "alone", **sizes)
    assert np.array_equal(together.differences, alone.differences)
    assert np.array_equal(together.scale, alone.scale)
    kept = describe(others["test/1+0"], network, tmp_path / "together", **sizes)
    assert len(seen) == 3
    plain = describe(others["test/1+0"], tiny_backbone, tmp_path / "alone", **sizes)
    np.testing.assert_allclose(kept.differences, plain.differences, atol=1e-6)
    assert np.array_equal(kept.traits, plain.traits)
    (tmp_path / "together/test/1+7.npy").unlink()
    describe(first, network, tmp_path / "together", **sizes, further=others)
    assert len(seen) == 5  # its batch again


def test_whole_images_are_seen_by_the_strides_or_the_block_that_tell_kinds_best():
    assert features.layers("tf_efficientnet_lite0") == (8, 16)
    assert features.layers("dinov2_vits14") == (9,)


def test_traits_are_shorter_beside_the_features_of_a_transformer(tmp_path):
    tokens, guides = [[torch.ones(2, 4, 4)]] * 2, [np.eye(4, dtype=np.float32)] * 2
    assert described(tokens, guides, tmp_path).traits_length == 1
    assert described(tokens, guides, tmp_path, Family.TRANSFORMER).traits_length == pytest.approx(6 / 7)
