"""Losses of reverse distillation by hand, its network's shapes and sizes, and noise."""

import numpy as np
import pytest
import timm
import torch

from adtool.detection.contract import settings_of
from adtool.detectors import rd
from adtool.detectors._rd import loss
from adtool.detectors._rd.loss import Projected
from adtool.detectors._rd.network import RdSizes, Reverse
from adtool.detectors._rd.projection import with_noise
from adtool.detectors._rd.scale import StageScale

SMALL = RdSizes(4, 6, 8, 1, 2, 1, 1, 0.5, 1.0, 1, 0)


def stage(*places):
    """(1, C, 1, P)."""
    return torch.tensor(places).T[None, :, None]


def test_distillation_by_place_counts_places_alike_and_by_image_by_their_length():
    truth, made = stage([3.0, 0], [0, 1]), stage([3.0, 0], [1, 0])
    assert loss.distillation([truth], [made], by_place=True).item() == pytest.approx(0.5)
    # As vectors (3, 0, 0, 1) and (3, 1, 0, 0): 9 / 10.
    assert loss.distillation([truth], [made], by_place=False).item() == pytest.approx(0.1)
    assert loss.distillation([truth] * 3, [made] * 3, by_place=True).item() == pytest.approx(1.5), "a sum over stages"


def test_only_what_was_rebuilt_learns():
    truth, made = (torch.rand(1, 2, 2, 2, requires_grad=True) for _ in range(2))
    loss.distillation([truth], [made], by_place=True).backward()
    assert truth.grad is None
    assert made.grad.abs().sum() > 0


def test_transport_is_nothing_between_equal_sets_and_half_the_squared_way_between_points():
    one = torch.tensor([[[0.0, 0], [1, 0]]])
    assert loss.transport(one, one.flip(1)).item() == pytest.approx(0, abs=1e-6)
    assert loss.transport(one, one + torch.tensor([0.0, 2])).item() == pytest.approx(2, rel=1e-3)


def test_the_projections_loss_by_hand():
    normal = stage([1.0, 0]).repeat(2, 1, 1, 1)  # both images the same: no transport
    restored, noised = stage([0.0, 1]).repeat(2, 1, 1, 1), stage([1.0, 0]).repeat(2, 1, 1, 1)
    found = loss.projection([Projected(noised, normal, restored)], torch.tensor([1, 0]))
    # Restored: 1 - 0. Contrast: the cosine 1 less the margin 0.5.
    assert found.item() == pytest.approx((0 + 0.01 * 1 + 0.1 * 0.5) / 1.11, abs=1e-6)


def test_what_is_rebuilt_has_the_shape_of_what_was_seen_on_odd_grids_too():
    torch.manual_seed(0)
    made = Reverse(SMALL).eval()
    for side in (8, 7):
        stages = [torch.rand(2, 4, 4 * side - 1, 4 * side), torch.rand(2, 6, 2 * side, 2 * side)]
        stages.append(torch.rand(2, 8, side, side))
        assert [x.shape for x in made(stages)] == [x.shape for x in stages]


def test_nothing_below_zero_is_rebuilt_where_stages_end_with_a_relu():
    torch.manual_seed(0)
    stages = [torch.rand(2, 4, 16, 16), torch.rand(2, 6, 8, 8), torch.rand(2, 8, 4, 4)]
    by_relu = RdSizes(4, 6, 8, 1, 2, 1, 1, 0.5, 1.0, 0, 0)
    assert min(x.min() for x in Reverse(by_relu).eval()(stages)) == 0
    assert min(x.min() for x in Reverse(SMALL).eval()(stages)) < 0


def count(parameters):
    return sum(one.numel() for one in parameters)


def test_the_papers_network_has_the_published_number_of_parameters():
    settings = settings_of("rd", rd, ["preset=paper"])
    blocks = tuple(map(int, settings.blocks.split(",")))
    sizes = RdSizes(256, 512, 1024, *blocks, settings.embedding_blocks, settings.narrow, settings.wide, 0, 0)
    with torch.device("meta"):
        made, teacher = Reverse(sizes), timm.create_model("wide_resnet50_2", pretrained=False)
    seen = [one for name, one in teacher.named_parameters() if not name.startswith(("layer4", "fc"))]
    # The decoder mirrors the three stages: the same count but for the stem, and for 2 x 2 in the place of 3 x 3.
    assert round(count(made.decode.parameters()) / 1e6, 1) == round(count(seen) / 1e6, 1) == 24.9
    # 80.6 million in all, teacher included: the table of MambaAD (He et al., NeurIPS 2024), row RD4AD.
    assert round((count(seen) + count(made.parameters())) / 1e6, 1) == 80.6


def test_projections_are_narrower_in_the_middle():
    with torch.device("meta"):
        made = Reverse(RdSizes(256, 512, 1024, 6, 4, 3, 3, 0.25, 0.5, 0, 1))
    widths = [[x.out_channels for x in one.modules() if isinstance(x, torch.nn.Conv2d)] for one in made.project]
    assert widths == [[128, 64, 128, 256], [256, 128, 256, 512], [512, 256, 512, 1024]]


def test_noise_lies_on_a_part_of_a_picture():
    image = np.full((100, 80, 3), 100, np.uint8)
    found = with_noise(image, 64, np.random.default_rng(0))
    changed = (found != 100).any(axis=2)
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    assert found.shape == (64, 64, 3)
    assert 0 < changed.sum() <= len(rows) * len(columns) <= 32 * 32
    assert (found == with_noise(image, 64, np.random.default_rng(0))).all()


def test_channels_are_scaled_each_for_itself():
    scale = StageScale([torch.tensor([1.0, 0])], [torch.tensor([2.0, 4])])
    assert scale.apply([torch.tensor([5.0, 8]).view(1, 2, 1, 1)])[0].flatten().tolist() == [2, 2]
