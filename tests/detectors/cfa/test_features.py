"""Features of the authors' modified ResNet: before the last ReLU of a stage."""

import copy
import zlib
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core.errors import UsageError
from adtool.detectors._cfa.descriptor import Descriptor, Patches, coordinates
from adtool.nn.networks import network

GOLDEN = Path(__file__).parents[2] / "golden" / "cfa_resnet_features.npz"


def artificial(name: str, tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """The golden data's recipe for weights that need not be stored."""
    generator = np.random.RandomState(zlib.crc32(name.encode()) ^ seed)
    u = torch.from_numpy(generator.standard_normal(tensor.numel()).astype(np.float32)).view(tensor.shape)
    if tensor.ndim == 4:
        return u * (2 / (tensor.shape[0] * tensor.shape[2] * tensor.shape[3])) ** 0.5
    if name.endswith("running_var"):
        return 1 + 0.2 * u.abs()
    return 0.1 * u + (1 if name.endswith("weight") else 0)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


@pytest.fixture(scope="module")
def resnet18(golden):
    model = timm.create_model("resnet18", pretrained=False)
    state = model.state_dict()
    for name, tensor in state.items():
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
            state[name] = artificial(name, tensor, int(golden["base_seed"]))
    model.load_state_dict(state)
    return model.eval()


def test_features_are_those_of_the_reference(golden, resnet18):
    net = network(copy.deepcopy(resnet18), (4, 8, 16), before_relu=True)
    with torch.no_grad():
        found = net(golden["image"])
    for level, features in enumerate(found, 1):
        expected = golden[f"level{level}"]
        kept = features[0, golden[f"channels_level{level}"].long()]
        assert (kept - expected).abs().max() <= 1e-4 * expected.abs().max()
        assert torch.allclose(features[0].mean(dim=(1, 2)), golden[f"level{level}_channel_mean"], atol=1e-4)
        assert (features < 0).float().mean().item() == pytest.approx(golden[f"level{level}_negative_share"].item())


@pytest.mark.parametrize("name", ["test_resnet", "resnet10t"])
def test_the_network_itself_computes_what_it_did(name):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, zero_init_last=False).eval()
    images = torch.randn(1, 3, 64, 64)
    plain, leaky = network(copy.deepcopy(model), (4, 16)), network(model, (4, 16), before_relu=True)
    with torch.no_grad():
        for expected, found in zip(plain(images), leaky(images), strict=True):
            assert torch.allclose(found.clamp_min(0), expected, atol=1e-5)
            assert (found < 0).any()
    assert [layer.channels for layer in plain.layers] == [layer.channels for layer in leaky.layers]


def test_only_a_resnet_has_such_features():
    with pytest.raises(UsageError, match="only a ResNet has"):
        network(timm.create_model("test_efficientnet", pretrained=False), (8,), before_relu=True)
    with pytest.raises(UsageError, match="stride 4 and up"):
        network(timm.create_model("test_resnet", pretrained=False), (2, 4), before_relu=True)


def test_pooling_counts_places_outside_the_image_as_zero():
    ones = torch.ones(1, 1, 3, 3)
    first, second = Patches(deeper=False).of([ones, ones])
    assert first[0, 0, 1, 1] == 1
    assert first[0, 0, 0, 0] == pytest.approx(4 / 9)
    assert torch.equal(second, ones)


def test_coordinates_run_from_minus_one_to_one_row_by_row():
    assert coordinates(2, 3).tolist() == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]]


def test_layers_can_be_put_on_the_coarsest_grid():
    fine, coarse = torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1, 1, 2, 2)
    found = Patches(side=1, coarse=True).of([fine, coarse])
    assert found[0][0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert torch.equal(found[1], coarse)


def test_a_descriptor_that_starts_as_identity_keeps_features_and_does_not_look_at_places():
    patches = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    rows = patches.flatten(2).transpose(1, 2).flatten(0, 1)
    assert torch.equal(Descriptor(4, start="identity")(patches), rows)
    fewer = Descriptor(4, 2, start="identity", generator=torch.Generator().manual_seed(0))
    assert torch.allclose(fewer.weight[:, :4] @ fewer.weight[:, :4].T, torch.eye(2), atol=1e-6), "nothing is stretched"
    assert not fewer.weight[:, 4:].any()
