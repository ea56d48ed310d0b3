from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from adtool.core.errors import UsageError
from adtool.refine import volume
from adtool.refine.volume import initial_map, match, stack

# Cut from the reference's numbers: adino and glad hold the first image, glad the first template.
GOLDEN = Path(__file__).parents[1] / "golden" / "costvolume.npz"
HALF = 1 - 0.5**0.5  # cost at 45 degrees


def row(*vectors):
    """Vectors as the features (1, C, 1, w) of a grid one position high."""
    return torch.tensor(vectors, dtype=torch.float32).T[None, :, None, :]


IMAGE = row((1, 0), (0, 3))
TEMPLATES = torch.stack([row((2, 0), (0, 1)), row((-1, 0), (1, 1))], dim=1)  # (1, 2, 2, 1, 2)


def grid(tokens):
    """(..., P, C) -> (..., C, h, w) of a square grid."""
    tokens = torch.from_numpy(tokens).transpose(-1, -2)
    side = int(tokens.shape[-1] ** 0.5)
    return tokens.unflatten(-1, (side, side))


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def near(found, expected, atol=1e-5):
    return torch.allclose(found, torch.from_numpy(expected), rtol=0, atol=atol)


def test_the_cost_is_one_minus_the_cosine_with_every_position_of_every_template():
    found = match(IMAGE, TEMPLATES, 4)
    assert found.shape == (1, 4, 1, 2)
    assert found[0, :, 0, 0].tolist() == pytest.approx([0, 1, 2, HALF])
    assert found[0, :, 0, 1].tolist() == pytest.approx([1, 0, 1, HALF], abs=1e-6)


def test_the_smallest_are_kept_in_raster_order_and_of_equals_the_earlier():
    image = row((1, 0), (0, 3), (1, 0))
    found = match(image, TEMPLATES, 3)
    assert found[0, :, 0, 0].tolist() == pytest.approx([0, 1, HALF])  # not sorted: 0, HALF, 1
    # Costs 1 0 1 HALF: of the two 1s the first stays; the other choice would give 0 1 HALF.
    assert found[0, :, 0, 1].tolist() == pytest.approx([1, 0, HALF], abs=1e-6)
    assert match(image, TEMPLATES, 1).flatten().tolist() == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("keep", [1, 5, 12, 60])
def test_chunks_do_not_change_the_result_even_where_costs_are_equal(keep, monkeypatch):
    # One-hot features: costs are 0 or 1 exactly, so nearly all are tied.
    generator = torch.Generator().manual_seed(0)
    hot = torch.eye(5)[torch.randint(5, (2, 11, 2, 3), generator=generator)].permute(0, 1, 4, 2, 3)
    image, templates = hot[:, 0], hot[:, 1:]
    whole = match(image, templates, keep)
    costs = 1 - torch.einsum("bcp,bcq->bpq", image.flatten(2), templates.transpose(1, 2).flatten(2))
    best = costs.sort(dim=2, stable=True).indices[..., :keep].sort(dim=2).values
    assert torch.equal(whole.flatten(2).transpose(1, 2), costs.gather(2, best))
    for size in (1, 4 * 60 * 4):  # one row at a time; four
        monkeypatch.setitem(volume.BLOCK_BYTES, "cpu", size)
        assert torch.equal(match(image, templates, keep), whole)


class Largest(TorchDispatchMode):
    """Notes the largest tensor that is made."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return made


def test_memory_does_not_grow_with_the_number_of_costs(monkeypatch):
    monkeypatch.setitem(volume.BLOCK_BYTES, "cpu", 4 * 3200 * 2)  # two rows of 200 templates
    image = torch.rand(1, 3, 4, 4)
    for count in (20, 200):
        templates = torch.rand(1, count, 3, 4, 4)
        with Largest() as largest:
            match(image, templates, 10)
        assert largest.numel <= max(3200 * 2, templates.numel())  # all costs would be 16 * 3200


@pytest.mark.parametrize("levels", [3, 1000])
def test_a_bound_from_groups_of_columns_keeps_the_same_costs(levels):
    costs = torch.randint(levels, (50, 997), generator=torch.Generator().manual_seed(0)) / levels
    best = costs.sort(dim=1, stable=True).indices[:, :7].sort(dim=1).values
    assert volume._candidates(costs.numpy(), 7).shape[1] < 997
    assert torch.equal(volume._smallest(costs, 7), costs.gather(1, best))


def test_one_set_of_templates_serves_a_batch():
    images, templates = torch.rand(3, 4, 2, 2), torch.rand(1, 5, 4, 2, 2)
    assert torch.allclose(match(images, templates, 6), match(images, templates.expand(3, -1, -1, -1, -1), 6))


def test_a_defect_shows_where_it_is_in_the_image_wherever_the_template_has_its_parts():
    places = torch.eye(8)[:6].T.reshape(1, 8, 2, 3)
    image = places.clone()
    image[0, :, 1, 0] = torch.eye(8)[7]  # seen in no template
    template = places.flatten(2)[..., [5, 3, 1, 0, 2, 4]].unflatten(2, (2, 3))
    found = initial_map([match(image, template[:, None], 3)], (2, 3))
    assert found[0, 0].tolist() == [[0, 0, 0], [1, 0, 0]]


def test_layers_and_templates_may_differ_in_grid_and_channels():
    deep = match(torch.rand(2, 7, 2, 4), torch.rand(2, 1, 7, 3, 3), 5)
    shallow = match(torch.rand(2, 3, 4, 8), torch.rand(2, 2, 3, 6, 6), 5)
    assert stack([shallow, deep], (12, 10)).shape == (2, 5, 2, 12, 10)
    assert initial_map([shallow, deep], (12, 10)).shape == (2, 2, 12, 10)


def test_the_initial_map_is_the_cost_of_the_best_match_per_layer():
    assert initial_map([match(IMAGE, TEMPLATES[:, 1:], 2)] * 2, (1, 2)).flatten().tolist() == pytest.approx(
        [HALF, HALF] * 2
    )


def test_empty_features_cost_one():
    assert match(torch.zeros(1, 2, 1, 2), TEMPLATES, 2).flatten().tolist() == [1] * 4


def test_half_precision_around_it_changes_nothing():
    image, templates = torch.rand(1, 40, 3, 3), torch.rand(1, 2, 40, 3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = match(image, templates, 9)
    assert torch.equal(found, match(image, templates, 9))


@pytest.mark.parametrize("keep", [0, 5])
def test_more_matches_than_there_are_positions_is_said(keep):
    with pytest.raises(UsageError, match=f"Cannot keep {keep} matches of 2 templates with 2 positions"):
        match(IMAGE, TEMPLATES, keep)


def test_volume_and_map_are_those_of_the_reference_for_several_templates(golden, monkeypatch):
    monkeypatch.setitem(volume.BLOCK_BYTES, "cpu", 1)
    layers = zip(golden["adino_input"], golden["adino_templates"], strict=True)
    costs = [match(grid(image), grid(templates), int(golden["adino_K"])) for image, templates in layers]
    assert near(torch.stack(costs, dim=2), golden["adino_volume"])
    assert near(initial_map(costs, (8, 8)), golden["adino_min"])
    enlarged = stack(costs, (64, 64))
    assert near(enlarged[:, -1:, :1], golden["adino_volume_up_last"])
    assert near(enlarged.mean(dim=(3, 4)), golden["adino_volume_up_sum"] / 64**2)
    assert near(initial_map(costs, (64, 64))[:, :1], golden["adino_min_up"])


def test_volume_is_that_of_the_reference_for_a_reconstruction(golden):
    layers = zip(*(torch.from_numpy(golden[name]) for name in ("dino_encoder", "dino_decoder")), strict=True)
    costs = [match(seen, rebuilt[:, None], int(golden["dino_K"])) for seen, rebuilt in layers]
    assert near(torch.stack(costs, dim=2), golden["dino_volume_rows_encoder"])


def test_aligned_corners_are_those_of_the_reference(golden):
    costs = [match(grid(tokens[:, 0]), grid(tokens[:, 1:]), 36) for tokens in golden["glad_tokens"]]
    enlarged = stack(costs, (64, 64), align_corners=True)
    assert near(enlarged.mean(dim=(3, 4)), golden["glad_volume_up_sum"] / 64**2)
    assert near(initial_map(costs, (64, 64), align_corners=True), golden["glad_min_up"])
