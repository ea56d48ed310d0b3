import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from adtool.refine import model
from adtool.refine.blocks import ChannelAttention, GuideProjection, SpatialAttention, Up
from adtool.refine.config import FilterSettings
from adtool.refine.network import FilterNetwork, FilterShape

GOLDEN = Path(__file__).parents[1] / "golden"
# Shapes per variant; and, for the recipe of the weights, the crc32 of each tensor's name in the reference.
TABLE = json.loads((GOLDEN / "filter_net.json").read_text(encoding="utf-8"))
UNUSED = [2, 48, 1, 3, 3]  # weight of the reference's convolution that is never used; its bias follows
RELATIVE = {"eval": 1e-4, "train": 1e-3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def shape_of(variant):
    table = TABLE["variants"][variant]
    channels = tuple(tokens[2] for tokens in table["inputs"]["features"])
    return FilterShape(table["in_channels"], channels, classes=15, reduced=table["parameters"][0][0] // 48)


def inputs(shape, plane=(32, 32), batch=2):
    """Random inputs, each layer's features on a grid of another size."""
    volume = torch.rand(batch, shape.keep, shape.depth, *plane, generator=seeded(1))
    features = [torch.randn(batch, c, 5 - i, 4 + i, generator=seeded(2 + i)) for i, c in enumerate(shape.channels)]
    return volume, features, torch.rand(batch, shape.depth, *plane, generator=seeded(9))


def used():
    """Which of the reference's parameter tensors are used."""
    shapes = TABLE["variants"]["glad_anomalydino"]["parameters"]
    start = shapes.index(UNUSED)
    return [i not in (start, start + 1) for i in range(len(shapes))]


def buffers(network):
    return {name: tensor for name, tensor in network.named_buffers() if tensor.ndim}


@pytest.mark.parametrize("variant", TABLE["variants"])
def test_every_parameter_has_the_shape_of_the_reference(variant):
    table = TABLE["variants"][variant]
    network = FilterNetwork(shape_of(variant), seeded())
    expected = [size for size, is_used in zip(table["parameters"], used(), strict=True) if is_used]
    assert [list(tensor.shape) for tensor in network.parameters()] == expected
    assert [list(tensor.shape) for tensor in buffers(network).values()] == table["buffers"]
    unused = int(np.prod(UNUSED)) + 2
    assert sum(tensor.numel() for tensor in network.parameters()) == table["n_parameters"] - unused


@pytest.mark.parametrize(
    "shape",
    [
        FilterShape(3, (5,), 1, width=1),
        FilterShape(7, (6, 4, 2), 2, width=5, reduced=1),
        FilterShape(9, (3, 2, 4, 1, 2), 4, width=16),
    ],
    ids=["depth 1", "depth 3", "depth 5"],
)
@pytest.mark.parametrize("plane", [(32, 32), (19, 45)])
def test_any_width_depth_number_of_matches_and_plane_will_do(shape, plane):
    pixels, classes = FilterNetwork(shape, seeded())(*inputs(shape, plane))
    assert pixels.shape == (2, 2, *plane)
    assert classes.shape == (2, shape.classes)
    assert pixels.isfinite().all()


@pytest.mark.parametrize(
    ("depth", "expected"), [(1, [0, 0, 0, 0]), (2, [0, 0, 1, 1]), (4, [0, 1, 2, 3]), (7, [0, 2, 4, 6])]
)
def test_guides_are_spread_over_the_layers(depth, expected):
    assert FilterShape(1, (1,) * depth, 1).guide_layers == expected


@pytest.mark.parametrize(("by_features", "by_map"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_guide_counts_only_where_it_is_asked_for(by_features, by_map):
    shape = FilterShape(4, (3, 2), 2, width=4, by_features=by_features, by_map=by_map)
    network = FilterNetwork(shape, seeded()).eval()
    volume, features, initial = inputs(shape)
    with torch.no_grad():
        blocks = network.encoder(volume, features, initial)
        other_features = network.encoder(volume, [f + 1 for f in features], initial)
        other_map = network.encoder(volume, features, initial + 1)
    assert torch.equal(blocks[-1], other_features[-1]) != by_features
    assert torch.equal(blocks[-1], other_map[-1]) != by_map


def test_every_parameter_learns():
    shape = FilterShape(4, (3, 2), 3, width=4)
    network = FilterNetwork(shape, seeded())
    pixels, classes = network(*inputs(shape))
    (pixels.square().sum() + classes.square().sum()).backward()
    assert [name for name, tensor in network.named_parameters() if tensor.grad is None] == []


def test_the_generator_alone_fixes_the_weights():
    shape = FilterShape(4, (3, 2), 3, width=2)
    first, again, other = (FilterNetwork(shape, seeded(seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["decoder.classify.weight"], other["decoder.classify.weight"])


def zero(module):
    for tensor in module.parameters():
        nn.init.zeros_(tensor)
    return module


@pytest.mark.parametrize("attention", [ChannelAttention(2, 2), SpatialAttention(3)], ids=["channel", "spatial"])
def test_attention_adds_its_input(attention):
    x = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1, 1)
    assert zero(attention)(x).flatten().tolist() == [1.5, -3]  # x + x * sigmoid(0)


def test_channel_attention_sees_mean_and_maximum():
    attention = ChannelAttention(1, 1)
    for conv in (attention.squeeze, attention.excite):
        nn.init.ones_(conv.weight)
    x = torch.tensor([0.0, 2.0]).view(1, 1, 1, 1, 2)  # mean 1, maximum 2
    weight = 1 / (1 + np.exp(-3))
    assert attention(x).flatten().tolist() == pytest.approx([0, 2 + 2 * weight])


def test_a_guide_is_repeated_over_the_depth():
    with torch.no_grad():
        found = GuideProjection(2, 3).eval()(torch.rand(1, 2, 4, 4), torch.Size((5, 8, 6)))
    assert found.shape == (1, 3, 5, 8, 6)
    assert torch.allclose(found[:, :, 1], found[:, :, 3])  # the inner ones: none sees the padding


def test_enlarging_is_trilinear_with_aligned_corners_and_leaves_the_depth_alone():
    up = Up(3, 3)
    up.smooth = nn.Identity()
    x = torch.rand(2, 3, 4, 5, 6)
    found = up(x, torch.zeros(2, 1, 4, 10, 12))
    expected = nn.functional.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear", align_corners=True)
    assert torch.allclose(found[:, :3], expected, atol=1e-6)
    assert not found[:, 3:].any()


def draw(crc32, base, tensor, name):
    """The recipe of the golden weights."""
    drawn = np.random.RandomState(crc32 ^ base).standard_normal(tuple(tensor.shape)).astype(np.float32)
    if drawn.ndim >= 2:
        drawn = drawn * np.sqrt(2 / np.prod(drawn.shape[1:]))
    elif name.endswith("running_var"):
        drawn = 1 + 0.2 * np.abs(drawn)
    elif name.endswith(("running_mean", "bias")):
        drawn = 0.1 * drawn
    else:
        drawn = 1 + 0.1 * drawn
    return torch.from_numpy(drawn.astype(np.float32))


def golden_inputs(variant, seed):
    sizes = TABLE["variants"][variant]["inputs"]

    def tensor(values):
        return torch.from_numpy(values.astype(np.float32))

    features = []
    for i, size in enumerate(sizes["features"]):
        tokens = tensor(np.random.RandomState(seed + 1 + i).standard_normal(size))
        side = int(size[1] ** 0.5)
        features.append(tokens.transpose(1, 2).unflatten(2, (side, side)))
    volume = tensor(np.random.RandomState(seed).random_sample(sizes["volume"]))
    return volume, features, tensor(np.random.RandomState(seed + 100).random_sample(sizes["map"]))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["dinomaly", "hvq"])
def test_outputs_are_those_of_the_reference(variant):
    with np.load(GOLDEN / "filter_net_forward.npz") as arrays:
        golden = {name.removeprefix(f"{variant}_"): arrays[name] for name in arrays if name.startswith(variant)}
    network = FilterNetwork(shape_of(variant), seeded())
    crc32 = [c for c, is_used in zip(TABLE["crc32_parameters"], used(), strict=True) if is_used]
    tensors = {**dict(network.named_parameters()), **buffers(network)}
    with torch.no_grad():
        for (name, tensor), code in zip(tensors.items(), crc32 + TABLE["crc32_buffers"], strict=True):
            tensor.copy_(draw(code, int(golden["base_seed"]), tensor, name))

    def gap(found, name):
        expected = torch.from_numpy(golden[name])
        return ((found - expected).abs().max() / expected.abs().max()).item()

    given = golden_inputs(variant, int(golden["input_seed"]))
    with torch.no_grad():
        network.eval()
        blocks = network.encoder(*given)
        pixels, classes = network.decoder(blocks)
        for number, block in enumerate(blocks, start=1):
            assert gap(block.mean(dim=(0, 2, 3, 4)), f"b{number}_channel_mean") < RELATIVE["eval"]
        assert gap(pixels, "seg_logits") < RELATIVE["eval"]
        assert gap(classes, "class_logits") < RELATIVE["eval"]
        if "seg_logits_train_mode" in golden:
            assert gap(network.train()(*given)[0], "seg_logits_train_mode") < RELATIVE["train"]


def test_a_network_is_drawn_by_its_seed_alone_and_leaves_no_trace():
    before = torch.get_rng_state()
    one = model.network(FilterSettings(), (8, 16), 2, seed=3)
    assert before.equal(torch.get_rng_state())
    torch.rand(1)
    again = model.network(FilterSettings(), (8, 16), 2, seed=3)
    assert all(a.equal(b) for a, b in zip(one.state_dict().values(), again.state_dict().values(), strict=True))
