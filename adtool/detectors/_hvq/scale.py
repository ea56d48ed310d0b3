"""Features before they are learned: all layers on one grid, channels of one size, and whose category they look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detection.feature_cache import FeatureCache
from adtool.nn.averaging import averaged

MIN_SPREAD = 1e-6  # a channel that never changes is not blown up
IMAGES = 32  # read at a time


def on_one_grid(layers: Sequence[Tensor], *, corners: bool) -> Tensor:
    """All layers on the grid of the last, the coarsest.

    Args:
        layers: (C_l, h_l, w_l).
        corners: interpolate between a few pixels, corners on corners, as the authors' code does; otherwise finer
            layers are averaged, so that nothing between is overlooked.

    Returns:
        (sum of C_l, h, w).
    """
    shape = layers[-1].shape[-2:]
    return torch.cat([_resized(layer.unsqueeze(0), shape, corners=corners).squeeze(0) for layer in layers])


def _resized(layer: Tensor, shape: torch.Size, *, corners: bool) -> Tensor:
    if layer.shape[-2:] == shape:
        return layer
    if corners:
        return F.interpolate(layer, shape, mode="bilinear", align_corners=True)
    return averaged(layer, (shape[0], shape[1]))


@dataclass(frozen=True)
class FeatureScale:
    """What is known of the training images' features.

    Attributes:
        shift: (C,) subtracted from each channel.
        spread: (C,) by which it is divided then.
        means: (K, C) the mean feature of each category, before that.
    """

    shift: Tensor
    spread: Tensor
    means: Tensor

    def apply(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same, channels of mean 0 and variance 1."""
        return (features - self.shift[:, None, None]) / self.spread[:, None, None]

    def category(self, features: Tensor) -> int:
        """The category whose mean is nearest to an image's; (C, h, w)."""
        away = (self.means - features.mean(dim=(1, 2))) / self.spread
        return int(away.square().sum(dim=1).argmin())


def measure(cache: FeatureCache, labels: Sequence[int], *, scales: bool) -> FeatureScale:
    """Means and spreads over all training images.

    Args:
        cache: (C, h, w) features of each image.
        labels: the category of each, from 0, all of them present.
        scales: otherwise channels stay as they are.
    """
    channels = cache.shapes[0][0]
    sums = torch.zeros(max(labels) + 1, channels, dtype=torch.float64)
    square = torch.zeros(channels, dtype=torch.float64)
    for start, (features,) in enumerate(cache.batches(range(len(cache)), IMAGES)):
        exact = features.double().cpu()
        square += exact.square().mean(dim=(2, 3)).sum(dim=0)
        these = torch.tensor(labels[start * IMAGES : start * IMAGES + len(features)])
        sums.index_add_(0, these, exact.mean(dim=(2, 3)))
    counts = torch.bincount(torch.tensor(labels)).unsqueeze(1)
    means, mean = sums / counts, sums.sum(dim=0) / len(cache)
    if not scales:
        return FeatureScale(torch.zeros(channels), torch.ones(channels), means.float())
    spread = (square / len(cache) - mean.square()).clamp_min(0).sqrt().clamp_min(MIN_SPREAD)
    return FeatureScale(mean.float(), spread.float(), means.float())
