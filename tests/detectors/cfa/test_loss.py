from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from adtool.detectors._cfa.descriptor import Descriptor, Patches, joined
from adtool.detectors._cfa.loss import Pull, closest, losses, soft_minimum
from adtool.detectors._cfa.memory import of_places
from adtool.detectors._cfa.rules import image_weights
from adtool.nn import knn, smooth

GOLDEN = Path(__file__).parents[2] / "golden" / "cfa.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def row(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None]


# By hand: one-dimensional features, so that a squared distance is a difference squared.


def test_attraction_is_what_the_nearest_are_too_far_and_repulsion_what_the_next_are_too_near():
    # 0 is 1, 4, 9, 16 (squared) from the prototypes; K = 2 attract, J = 1 repels.
    bank = knn.Bank(row(1, 2, 3, 4))
    pull = Pull(attracted=2, repelled=1, margin=0.5, scale=10)
    attraction, repulsion = losses(row(0), bank, torch.tensor(1.5), pull)  # r^2 = 2.25
    assert attraction == pytest.approx(10 * (0 + (4 - 2.25)) / 2)
    assert repulsion == 0, "the third is outside of the sphere"
    attraction, repulsion = losses(row(0), bank, torch.tensor(4.0), pull)
    assert attraction == 0
    assert repulsion == pytest.approx(10 * (16 - 9 - 0.5))


def test_the_hard_negatives_are_those_after_the_attracting_ones():
    bank, radius = knn.Bank(row(1, 2, 3, 4, 5)), torch.tensor(10.0)
    right = losses(row(0), bank, radius, Pull(3, 2, 0, 1))[1]
    assert right == pytest.approx(((100 - 16) + (100 - 25)) / 2)
    slip = losses(row(0), bank, radius, Pull(3, 2, 0, 1, slices_by_negatives=True))[1]
    assert slip == pytest.approx(((100 - 9) + (100 - 16) + (100 - 25)) / 3)


def test_a_bank_without_prototypes_left_to_repel_repels_nothing():
    attraction, repulsion = losses(row(0), knn.Bank(row(1, 2)), torch.tensor(9.0), Pull(2, 3))
    assert (attraction, repulsion) == (0, 0)


def test_gradients_of_the_nearest_distances_are_those_of_the_full_matrix():
    generator = torch.Generator().manual_seed(0)
    vectors, bank = torch.randn(50, 8, generator=generator), torch.randn(20, 8, generator=generator)
    weights = torch.randn(50, 4, generator=generator)
    found = []
    for way in (
        lambda x: closest(x, knn.Bank(bank), 4),
        lambda x: torch.cdist(x, bank).square().topk(4, largest=False).values,
    ):
        x = vectors.clone().requires_grad_()
        distances = way(x)
        (distances * weights).sum().backward()
        found.append((distances.detach(), x.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_score_is_the_distance_shared_among_prototypes_that_are_as_near():
    assert soft_minimum(torch.tensor([[4.0, 4.0, 4.0]])).item() == pytest.approx(2 / 3)
    assert soft_minimum(torch.tensor([[4.0, 1e6, 1e6]])).item() == pytest.approx(2)
    assert soft_minimum(torch.tensor([[-1e-6, 1.0, 1.0]])).item() == 0, "rounding below zero is no NaN"


# The authors' code


@pytest.fixture(scope="module")
def descriptor(golden):
    made = Descriptor(36, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.weight.copy_(golden["conv_weight"].flatten(1))
        made.bias.copy_(golden["conv_bias"])
    return made


def patches(golden, which):
    layers = [golden[f"{which}_feat{level}"].flatten(0, -4) for level in (1, 2, 3)]
    return joined(Patches().of(layers))


def test_the_descriptor_is_that_of_the_reference(golden, descriptor):
    expected = golden["phi_test"].flatten(2).transpose(1, 2).flatten(0, 1)
    assert torch.allclose(descriptor(patches(golden, "test")), expected, atol=1e-5)


def test_the_memory_is_that_of_the_reference(golden, descriptor):
    features = patches(golden, "train")
    weights = torch.tensor(image_weights(len(features), 2, "batch"))
    mean = (weights.view(-1, 1, 1, 1) * features).sum(dim=0, keepdim=True)
    assert torch.allclose(of_places(mean, descriptor, compression=1, seed=0), golden["bank"], atol=1e-5)


@pytest.mark.parametrize("place", range(3))
def test_losses_and_radius_gradient_are_those_of_the_reference(golden, descriptor, place):
    pull = Pull(int(golden["K"]), int(golden["J"]), float(golden["alpha"]), 1 / float(golden["nu"]))
    radius = golden["radius"][place].float().requires_grad_()
    descriptor.zero_grad()
    attraction, repulsion = losses(descriptor(patches(golden, "test")), knn.Bank(golden["bank"]), radius, pull)
    (attraction + repulsion).backward()
    assert attraction.item() == pytest.approx(golden["L_att"][place].item(), rel=1e-4)
    assert repulsion.item() == pytest.approx(golden["L_rep"][place].item(), rel=1e-4)
    # The second radius lies on a distance to 6e-8: rounding decides whether this one of 576 counts.
    one = 2 * golden["radius"][place].item() / float(golden["nu"]) / (3 * 64 * 3)
    expected = golden["grad_r"][place].item()
    assert radius.grad.item() == pytest.approx(expected, rel=1e-4, abs=1.001 * one if place == 1 else 0)
    if place == 2:
        weight = golden["grad_conv_weight"].flatten(1)
        assert torch.allclose(descriptor.weight.grad, weight, rtol=1e-3, atol=1e-4 * weight.abs().max().item())
        bias = golden["grad_conv_bias"]
        assert torch.allclose(descriptor.bias.grad, bias, rtol=1e-3, atol=1e-4 * bias.abs().max().item())


@pytest.mark.parametrize(("slip", "name"), [(True, "quirk_L_rep_J2"), (False, "corrected_L_rep_J2")])
def test_the_slip_of_the_reference_can_be_had_and_is_not_the_default(golden, descriptor, slip, name):
    pull = Pull(int(golden["K"]), 2, float(golden["alpha"]), 1 / float(golden["nu"]), slices_by_negatives=slip)
    bank, vectors = knn.Bank(golden["bank"]), descriptor(patches(golden, "test"))
    assert losses(vectors, bank, golden["radius"][-1].float(), pull)[1].item() == pytest.approx(
        golden[name].item(), rel=1e-4
    )


def test_scores_and_maps_are_those_of_the_reference(golden, descriptor):
    with torch.no_grad():
        squared, _ = knn.Bank(golden["bank"]).closest(descriptor(patches(golden, "test")), int(golden["K"]))
    grids = soft_minimum(squared).view(3, 8, 8)
    assert torch.allclose(grids, golden["score_grid"], atol=1e-5)
    side = int(golden["map_size"])
    for grid, plain, smoothed, highest in zip(
        grids, golden["map_upsampled"], golden["map_smoothed"], golden["image_score"], strict=True
    ):
        assert np.allclose(smooth.enlarge(grid, side, side, blur=0), plain, atol=1e-5)
        scores = smooth.enlarge(grid, side, side, blur=float(golden["sigma"]), mirrored=True)
        assert np.allclose(scores, smoothed, atol=1e-5)
        assert scores.max() == pytest.approx(highest.item(), abs=1e-5)


# Memory


def test_images_weigh_the_same_unless_a_reference_is_followed():
    assert image_weights(5, 2, "same") == [0.2] * 5
    assert image_weights(5, 2, "full") == [0.25] * 4 + [0], "the last, incomplete batch is dropped"
    assert image_weights(5, 2, "batch") == pytest.approx([1 / 6] * 4 + [1 / 3]), "a mean of batch means"
    assert image_weights(1, 2, "full") == [1], "but never all"


def test_a_compressed_memory_has_so_many_times_fewer_prototypes():
    descriptor = Descriptor(4, generator=torch.Generator().manual_seed(0))
    mean = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    full = of_places(mean, descriptor, compression=1, seed=0)
    small = of_places(mean, descriptor, compression=4, seed=0)
    assert (full.shape, small.shape) == ((36, 4), (9, 4))
    assert F.pairwise_distance(full.mean(dim=0), small.mean(dim=0)) < full.std()
    assert len(of_places(mean, descriptor, compression=100, seed=0)) == 36, "less than one is not made"
    assert Descriptor(8, 2).weight.shape == (4, 10)
