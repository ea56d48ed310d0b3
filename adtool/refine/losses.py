"""What the filter network is trained on.

Source: CostFilter-AD (ICML 2025) and its released code.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn import processes

SMALL = 1e-5  # keeps the focal term's logarithm finite
HARD, BASE, EASY = 3.5, 3.0, 1.5  # focal exponents: wrong class; right at confidence 0; the least
WINDOW, SIGMA = 11, 1.5  # of SSIM, in pixels of the mask
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for values in [0, 1]


@dataclass(frozen=True)
class LossWeights:
    """Of the terms beside the focal loss; as released for AnomalyDINO and GLAD. Dinomaly's has 0.1 for SSIM."""

    ssim: float = 0.2
    mse: float = 1.0
    iou: float = 0.1
    classes: float = 0.5


@dataclass(frozen=True)
class FilterLosses:
    """Scalars: the total, which is differentiated, and its terms before they are weighed."""

    total: Tensor
    focal: Tensor
    ssim: Tensor
    mse: Tensor
    iou: Tensor
    classes: Tensor


def losses(
    pixels: Tensor, classes: Tensor, mask: Tensor, labels: Tensor, weights: LossWeights | None = None
) -> FilterLosses:
    """All losses of a batch, in float32 under autocast, too.

    Args:
        pixels: (B, 2, h, w) logits, normal and anomalous.
        classes: (B, K) logits of the category.
        mask: (B, 1, H, W) in [0, 1].
        labels: (B,) true categories.
        weights: of the terms.
    """
    weights = weights or LossWeights()
    with torch.autocast(pixels.device.type, enabled=False):
        classes, mask = classes.float(), mask.float()
        probability = probabilities(pixels, (mask.shape[2], mask.shape[3]))
        anomalous = probability[:, 1:]
        focal = focal_loss(probability, mask, focal_exponent(classes, labels)).mean()
        ssim = 1 - structural_similarity(anomalous, mask)
        mse = F.mse_loss(anomalous, mask)
        iou = soft_iou_loss(anomalous, mask)
        category = F.cross_entropy(classes, labels)
        total = focal + weights.ssim * ssim + weights.mse * mse + weights.iou * iou + weights.classes * category
    return FilterLosses(total, focal, ssim, mse, iou, category)


def probabilities(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Softmax, and only then enlarged; (B, 2, h, w) logits -> (B, 2, H, W)."""
    return F.interpolate(pixels.float().softmax(dim=1), size=size, mode="bilinear", align_corners=True)


def focal_exponent(classes: Tensor, labels: Tensor) -> Tensor:
    """How strongly each image's easy pixels are discounted: the more, the less its category is recognised.

    Args:
        classes: (B, K) logits of the category.
        labels: (B,) true categories.

    Returns:
        (B,) exponents in [2, 3] where the category is right, 3.5 where it is wrong.
    """
    # Unlike the released code, which takes raw logits (so that nothing bounds the exponent) and lets the focal loss
    # reward low confidence through them. Its lists of difficult classes by name are left out.
    confidence, predicted = classes.detach().softmax(dim=1).max(dim=1)
    return exponent(confidence, predicted == labels)


def exponent(confidence: Tensor, is_right: Tensor) -> Tensor:
    """The focal exponent for a confidence, bounded on both sides; (B,), (B,) bool -> (B,)."""
    return torch.where(is_right, (BASE - confidence).clamp(EASY, HARD), HARD)


def focal_loss(probability: Tensor, mask: Tensor, exponents: Tensor) -> Tensor:
    """Focal loss of each image, without class weights (Lin et al., ICCV 2017).

    Args:
        probability: (B, 2, H, W), normal and anomalous.
        mask: (B, 1, H, W) in [0, 1]; a value between counts in part, as it does in the other terms. (The released
            code takes all below 1 as normal, in this term alone.)
        exponents: (B,), above 1.

    Returns:
        (B,)
    """
    target = torch.cat([1 - mask, mask], dim=1).clamp(SMALL, 1 - SMALL)
    true = (target * probability).sum(dim=1) + SMALL  # (B, H, W)
    # Rounding can lift a sure pixel above 1; a root of what is negative then is NaN, and was in the released code.
    wrong = (1 - true).clamp(min=0)
    return -(wrong ** exponents[:, None, None] * true.log()).mean(dim=(1, 2))


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """SSIM with a Gaussian window, zeros outside, averaged over all pixels; twice (B, 1, H, W) in [0, 1] -> scalar."""
    down, right = _window(a, a.shape[2]), _window(a, a.shape[3])

    def local(x: Tensor) -> Tensor:
        return down @ x @ right  # a product with a band; a convolution of one channel takes ten times as long on a CPU

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    return (likeness / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))).mean()


def _window(like: Tensor, side: int) -> Tensor:
    """(side, side) weights of the Gaussian window around each position; symmetric."""
    place = torch.arange(side, dtype=like.dtype, device=like.device)
    offset = place[:, None] - place
    weights = torch.exp(-offset.square() / (2 * SIGMA**2)) * (offset.abs() <= WINDOW // 2)
    whole = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    return weights / torch.exp(-whole.square() / (2 * SIGMA**2)).sum()


def soft_iou_loss(a: Tensor, b: Tensor) -> Tensor:
    """1 - intersection over union of soft masks, one ratio for the whole batch; scalar."""
    both, first, second = (processes.total(one.sum()) for one in (a * b, a, b))
    return 1 - (both + 1) / (first + second - both + 1)
