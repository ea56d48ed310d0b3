"""Losses and the normalisation of EfficientAD by hand; sizes of its networks, and what they learn from."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from adtool.core.errors import BadDataError, MissingInputError
from adtool.detection.contract import settings_of
from adtool.detectors import efficientad
from adtool.detectors._efficientad import distillation, loss, pictures, teacher_file
from adtool.detectors._efficientad.network import PATCH, Autoencoder, EfficientAd, EfficientAdSizes, PatchNetwork
from adtool.detectors._efficientad.train import EfficientAdSchedule

TINY = EfficientAdSizes(0, 0.0625, 4, 64, 1, 0.2, 1)


def paper(medium, side=256):
    return EfficientAdSizes(medium, 1.0, 384, side, 0, 0.2, 1)


def test_the_hard_loss_is_the_mean_of_the_largest_squared_differences():
    apart = torch.tensor([[[[1.0, 5.0], [2.0, 4.0]], [[3.0, 0.0], [0.0, 0.0]]]])
    assert loss.hard(apart, 0).item() == pytest.approx(15 / 8)
    # Of eight values, in order 0 0 0 1 2 3 4 5, the quantile .5 lies between the places 3 and 4: from 2 on they count.
    assert loss.hard(apart, 0.5).item() == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert loss.hard(apart, 0.999).item() == 5
    published = torch.rand(3, 500, generator=torch.Generator().manual_seed(0))
    from_there = published[published >= torch.quantile(published, 0.999)].mean()
    assert loss.hard(published, 0.999).item() == pytest.approx(from_there.item())


def test_only_the_largest_differences_are_learned():
    apart = torch.tensor([1.0, 2, 3, 4], requires_grad=True)
    loss.hard(apart, 0.5).backward()
    assert apart.grad.tolist() == [0, 0, 0.5, 0.5]


def test_a_distance_is_the_mean_over_channels():
    one, other = torch.tensor([1.0, 2]).view(1, 2, 1, 1), torch.tensor([4.0, 1]).view(1, 2, 1, 1)
    assert loss.distance(one, other).item() == pytest.approx((9 + 1) / 2)


def test_quantiles_of_good_parts_become_0_and_a_tenth():
    maps = [np.arange(500, dtype=np.float32).reshape(20, 25), np.arange(500, 1001, dtype=np.float32)[None]]
    low, high = loss.quantiles(maps)
    assert (low, high) == pytest.approx((900, 995))
    found = loss.comparable(torch.tensor([900.0, 995, 1090, 805]), low, high)
    assert found.tolist() == pytest.approx([0, 0.1, 0.2, -0.1], abs=1e-6)
    assert torch.isfinite(loss.comparable(torch.tensor([1.0]), 1.0, 1.0)).all(), "maps without any difference"


def count(module):
    return sum(one.numel() for one in module.parameters())


@pytest.mark.parametrize(("medium", "teacher", "whole"), [(0, 2.7, 8), (1, 8.0, 21)])
def test_the_papers_networks_have_the_published_number_of_parameters(medium, teacher, whole):
    with torch.device("meta"):
        made = EfficientAd(paper(medium))
    assert round(count(made.teacher) / 1e6, 1) == teacher
    assert round(count(made) / 1e6) == whole  # the table of the paper: 8 and 21 million


@pytest.mark.parametrize("medium", [0, 1])
def test_a_feature_is_of_a_patch_of_33_pixels_four_pixels_apart(medium):
    torch.manual_seed(0)
    made = PatchNetwork(EfficientAdSizes(medium, 0.0625, 4, 64, 0, 0.0, 1), 4)
    assert made(torch.rand(1, 3, PATCH, PATCH)).shape == (1, 4, 1, 1)
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    made(picture)[0, :, 2, 1].sum().backward()
    rows, columns = (picture.grad.abs().sum(dim=(0, 1, axis)).nonzero().flatten() for axis in (3, 2))
    assert (rows.min(), rows.max()) == (8, 8 + PATCH - 1)
    assert (columns.min(), columns.max()) == (4, 4 + PATCH - 1)


def test_the_papers_network_makes_56_features_a_side_of_256_pixels_and_a_mirrored_border_64():
    assert paper(0).grid == 56
    assert EfficientAdSizes(0, 1.0, 384, 256, 1, 0.2, 1).grid == 64


@pytest.mark.parametrize("side", [64, 96, 100, 252, 256])
@pytest.mark.parametrize("mirrored", [0, 1])
@pytest.mark.parametrize("medium", [0, 1])
def test_teacher_student_and_autoencoder_have_one_grid(side, mirrored, medium):
    sizes = EfficientAdSizes(medium, 0.0625, 3, side, mirrored, 0.2, 1)
    made, picture = EfficientAd(sizes), torch.rand(1, 3, side, side)
    shape = (1, 3, sizes.grid, sizes.grid)
    assert made.described(picture, None).shape == made.autoencoder(picture).shape == shape
    assert [x.shape for x in made.learned(picture)] == [shape, shape]


def test_the_autoencoder_has_the_papers_steps_and_puts_a_picture_into_one_vector():
    with torch.device("meta"):
        made = Autoencoder(paper(0))
        assert made.encoder(torch.rand(1, 3, 256, 256)).shape == (1, 64, 1, 1)
    assert [tuple(x.weight.shape) for x in made.steps] == [(64, 64, 4, 4)] * 6
    assert [made.side_of(number) for number in range(6)] == [3, 8, 15, 32, 63, 127]


def test_only_one_half_of_the_student_is_for_the_teacher():
    torch.manual_seed(0)
    made = EfficientAd(TINY)
    as_teacher, _ = made.learned(torch.rand(1, 3, 64, 64))
    as_teacher.sum().backward()
    last = [x for x in made.student.modules() if isinstance(x, torch.nn.Conv2d)][-1].weight.grad
    assert (last[:4] != 0).any()
    assert not (last[4:] != 0).any()


def test_a_teacher_is_brought_to_one_size_by_shift_and_spread():
    made = EfficientAd(TINY)
    picture = torch.rand(1, 3, 64, 64)
    before = made.described(picture, None)
    made.shift += 1
    made.spread *= 2
    assert torch.allclose(made.described(picture, None), (before - 1) / 2, atol=1e-6)


def test_the_rate_is_a_tenth_in_the_last_twentieth():
    plan = EfficientAdSchedule(10, 1, 1e-3, 70_000, 1, 1e-4, 1e-5, 0.999, 0.2, 0)
    assert [plan.rate(step) for step in (0, 66_499, 66_500, 69_999)] == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])


def test_colours_change_and_the_same_draw_changes_them_alike():
    picture = torch.full((1, 3, 4, 4), 100.0)
    found = {pictures.recoloured(picture, 0.2, np.random.default_rng(seed))[0, 0, 0, 0].item() for seed in range(20)}
    assert len(found) > 3
    assert min(found) >= 80 - 1e-3
    assert max(found) <= 120 + 1e-3
    assert 100 in {round(one, 3) for one in found}, "contrast and saturation of an even grey picture change nothing"


def test_what_a_teacher_is_shown_is_a_picture_of_the_same_size_drawn_by_chance_alone():
    picture = torch.rand(3, 64, 64) * 255
    shown = [pictures.shown_to_teacher(picture, np.random.default_rng(seed)) for seed in range(12)]
    assert {one.shape for one in shown} == {(3, 64, 64)}
    assert all(one.min() > -0.01 and one.max() < 255.01 for one in shown)
    again = [pictures.shown_to_teacher(picture, np.random.default_rng(seed)) for seed in range(12)]
    assert all(torch.equal(a, b) for a, b in zip(shown, again, strict=True))


def test_the_backbones_channels_are_brought_to_mean_0_and_variance_1(small_network):
    some = list(torch.rand(4, 3, 64, 64) * 255)
    target = distillation.target(small_network, 8, some, 8)
    found = target.see(torch.stack(some), 8)
    assert found.shape == (4, 8, 8, 8)
    assert found.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    assert (found.var(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-3


def test_a_backbones_layers_come_to_one_grid_of_the_whole_picture_or_of_the_patches_within():
    layers = [torch.arange(16.0).view(1, 1, 4, 4).repeat(1, 2, 1, 1), torch.full((1, 2, 2, 2), 5.0)]
    whole = distillation.pooled(layers, 4, 12, mirrored=True)
    assert whole.shape == (1, 4, 12, 12)
    assert torch.equal(distillation.pooled(layers, 4, 4, mirrored=False), whole[..., 4:8, 4:8])
    # The corner of the first layer is the mean of 0, 1, 4 and 5, and the place in the corner of the grid has it alone.
    assert whole[0, :, 0, 0].tolist() == pytest.approx([2.5, 2.5, 5, 5])
    # In two channels, each is the mean of two.
    assert distillation.pooled(layers, 2, 12, mirrored=True)[0, :, 0, 0].tolist() == pytest.approx([2.5, 5])


@pytest.fixture
def theirs(tmp_path):
    """A teacher's file under the names of others, and the teacher."""
    torch.manual_seed(1)
    made = PatchNetwork(TINY, 4)
    state = dict(zip(["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias", "10.weight", "10.bias"],
                     made.state_dict().values(), strict=True))  # fmt: skip
    return made, state, tmp_path / "teacher.safetensors"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_teacher_of_others_goes_in_by_the_order_of_its_layers(theirs, suffix):
    made, state, path = theirs
    path = path.with_suffix(suffix)
    state = {name: x.contiguous() for name, x in state.items()}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    other = PatchNetwork(TINY, 4)
    teacher_file.install(other, path)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), other.parameters(), strict=True))


def test_a_teacher_that_does_not_fit_is_refused(theirs, tmp_path):
    _, state, path = theirs
    other = PatchNetwork(TINY, 4)
    with pytest.raises(MissingInputError, match=r"there is no such file"):
        teacher_file.install(other, path)
    save_file({name: x.contiguous() for name, x in state.items()}, path)
    with pytest.raises(BadDataError, match=r"has the shape \(4\), not \(5\)"):
        teacher_file.install(PatchNetwork(TINY, 5), path)
    medium = PatchNetwork(EfficientAdSizes(1, 0.0625, 4, 64, 1, 0.2, 1), 4)
    with pytest.raises(BadDataError, match=r"holds 8 tensors, .* has 12"):
        teacher_file.install(medium, path)
    path.write_bytes(b"no weights")
    with pytest.raises(BadDataError, match="not a readable weights file"):
        teacher_file.install(other, path)


def test_presets_s_and_m_are_the_papers():
    for preset, medium in (("paper", 0), ("paper-m", 1)):
        settings = settings_of("efficientad", efficientad, [f"preset={preset}"])
        assert (settings.size, settings.share, settings.channels) == (("small", "medium")[medium], 1.0, 384)
