from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from adtool.refine import losses as module
from adtool.refine.losses import (
    LossWeights,
    exponent,
    focal_exponent,
    focal_loss,
    losses,
    probabilities,
    soft_iou_loss,
    structural_similarity,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "filter_losses.npz"
RELATIVE = 1e-5


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def near(found, expected):
    """Within the stated tolerance, relative to the largest value."""
    return (found - expected).abs().max() <= RELATIVE * expected.abs().max()


def flat(*values):
    """Values as a (1, 1, 1, W) mask."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def two(*anomalous):
    """(1, 2, 1, W) probabilities."""
    return torch.cat([1 - flat(*anomalous), flat(*anomalous)], dim=1)


def test_the_focal_loss_discounts_what_is_easy():
    # One pixel, found with probability 1/2: (1 - 1/2)^2 ln 2; three quarters of 1/4 at exponent 1: 3/4 ln 4.
    assert focal_loss(two(0.5), flat(1), torch.tensor([2.0])).item() == pytest.approx(np.log(2) / 4, rel=1e-4)
    assert focal_loss(two(0.75), flat(0), torch.tensor([1.0])).item() == pytest.approx(0.75 * np.log(4), rel=1e-4)


def test_each_image_has_its_own_exponent():
    found = focal_loss(two(0.5).expand(2, -1, -1, -1), flat(1).expand(2, -1, -1, -1), torch.tensor([2.0, 3.0]))
    assert found.tolist() == pytest.approx([np.log(2) / 4, np.log(2) / 8], rel=1e-4)


def test_a_mask_between_counts_in_part():
    # 1/4 of the target is anomalous: 1/4 * 0.8 + 3/4 * 0.2 = 0.35
    found = focal_loss(two(0.8), flat(0.25), torch.tensor([2.0])).item()
    assert found == pytest.approx(0.65**2 * -np.log(0.35), rel=1e-4)


def test_sure_pixels_give_no_nan_neither_in_the_loss_nor_in_its_gradient():
    pixels = torch.tensor([[-200.0, 200.0], [200.0, -200.0]]).view(2, 2, 1, 1).expand(2, 2, 8, 8).clone()
    pixels.requires_grad_()
    mask = torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(0)).round()
    found = losses(pixels, torch.tensor([[300.0, -300.0], [-300.0, 300.0]]), mask, torch.tensor([0, 0]))
    found.total.backward()
    assert found.total.isfinite()
    assert pixels.grad.isfinite().all()


def test_a_probability_that_rounds_above_one_gives_no_nan():
    probability = two(1.0).requires_grad_()
    found = focal_loss(probability * (1 + 1e-6), flat(1), torch.tensor([1.5]))
    found.sum().backward()
    assert found.item() == 0
    assert probability.grad.isfinite().all()


def test_the_exponent_falls_with_confidence_and_is_bounded_on_both_sides():
    confidence = torch.tensor([0.25, 1.0, 9.0, -9.0, 1.0])
    found = exponent(confidence, torch.tensor([True, True, True, True, False]))
    assert found.tolist() == [2.75, 2, 1.5, 3.5, 3.5]


def test_confidence_is_the_probability_of_the_class():
    logits = torch.tensor([[np.log(3), 0.0], [np.log(3), 0.0]])  # 3/4 and 1/4
    assert focal_exponent(logits, torch.tensor([0, 1])).tolist() == pytest.approx([2.25, 3.5])


def test_a_single_category_has_the_usual_exponent():
    assert focal_exponent(torch.tensor([[-7.0]]), torch.tensor([0])).tolist() == [2]


def test_the_focal_loss_does_not_teach_the_classes():
    classes = torch.tensor([[1.0, 0.0]], requires_grad=True)
    labels = torch.tensor([0])
    losses(torch.zeros(1, 2, 4, 4), classes, torch.zeros(1, 1, 8, 8), labels).total.backward()
    (alone,) = torch.autograd.grad(0.5 * F.cross_entropy(classes, labels), classes)
    assert torch.allclose(classes.grad, alone)


def test_soft_iou_is_one_ratio_for_the_batch():
    a = torch.cat([flat(1, 1), flat(0, 0)])
    b = torch.cat([flat(1, 0), flat(1, 0)])
    assert soft_iou_loss(a, b).item() == 0.5  # 1 - (1 + 1) / (3 + 1); image by image 1/3 and 1/2


def test_alike_masks_are_wholly_similar():
    mask = torch.rand(2, 1, 20, 13, generator=torch.Generator().manual_seed(0))
    assert structural_similarity(mask, mask).item() == pytest.approx(1)


def test_similarity_of_one_pixel_by_hand():
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    w = (1 / weights.sum()) ** 2  # of the window's centre; all else is outside
    expected = 1e-4 * 9e-4 / ((w**2 + 1e-4) * (w - w**2 + 9e-4))
    assert structural_similarity(flat(1), flat(0)).item() == pytest.approx(expected, rel=1e-4)


def test_softmax_comes_before_enlarging():
    pixels = torch.zeros(1, 2, 1, 2)
    pixels[0, 1, 0, 1] = 100  # probabilities 1/2 and 1; between them 3/4, not sigmoid(50)
    assert probabilities(pixels, (1, 3))[0, 1, 0].tolist() == [0.5, 0.75, 1]


def test_the_total_is_the_weighed_sum(golden):
    given = (golden["seg_logits"], golden["class_logits"], golden["mask"], golden["labels"])
    found = losses(*given, LossWeights(ssim=2, mse=3, iou=5, classes=7))
    expected = found.focal + 2 * found.ssim + 3 * found.mse + 5 * found.iou + 7 * found.classes
    assert found.total.item() == pytest.approx(expected.item())


def test_half_precision_around_them_changes_nothing(golden):
    given = (golden["seg_logits"], golden["class_logits"], golden["mask"], golden["labels"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(*given)
    assert torch.equal(found.total, losses(*given).total)


@pytest.mark.parametrize("variant", ["dinomaly", "glad"])
def test_losses_and_gradient_are_those_of_the_reference(golden, variant, monkeypatch):
    # Its exponents are given, as ours differ where its own are a defect.
    monkeypatch.setattr(module, "focal_exponent", lambda *_: golden[f"gamma_{variant}"])
    pixels = golden["seg_logits"].clone().requires_grad_()
    weights = LossWeights(ssim=float(golden[f"w_ssim_{variant}"]))
    found = losses(pixels, golden["class_logits"], golden["mask"], golden["labels"], weights)
    assert near(found.total, golden[f"total_{variant}"])
    for name, key in (("ssim", "ssim_loss"), ("mse", "mse"), ("iou", "soft_iou_loss"), ("classes", "ce")):
        assert near(getattr(found, name), golden[key]), name
    probability = probabilities(pixels, (48, 48))
    assert near(probability[:, 1:], golden["anomaly_prob"])
    each = focal_loss(probability, golden["mask"], golden[f"gamma_{variant}"])
    assert near(each, golden[f"focal_per_image_{variant}"])
    if variant == "dinomaly":
        found.total.backward()
        assert near(pixels.grad, golden["grad_seg_logits_dinomaly"])
        assert near(found.focal, golden["focal"])


def test_soft_masks_give_the_terms_of_the_reference_but_for_the_focal_one(golden):
    given = (golden["seg_logits"], golden["class_logits"], golden["mask_soft"], golden["labels"])
    found = losses(*given, LossWeights(ssim=float(golden["w_ssim_dinomaly"])))
    for name, key in (("ssim", "ssim_loss_soft"), ("mse", "mse_soft"), ("iou", "soft_iou_loss_soft")):
        assert near(getattr(found, name), golden[key]), name
    assert near(found.total - found.focal + golden["focal_soft"], golden["total_dinomaly_soft"])


def test_plain_focal_loss_is_that_of_the_reference(golden):
    probability = probabilities(golden["seg_logits"], (48, 48))
    assert near(focal_loss(probability, golden["mask"], torch.full((4,), 2.0)).mean(), golden["focal_gamma2_all"])


def test_exponents_are_those_of_the_reference_up_to_the_bound(golden):
    confidence, predicted = golden["class_logits"].max(dim=1)  # raw, as it takes them
    found = exponent(confidence, predicted == golden["labels"])
    assert near(found, golden["gamma_dinomaly"].clamp(max=3.5))
