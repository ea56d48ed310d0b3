"""Channels of one size, so that the largest don't decide every cosine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adtool.detection.feature_cache import FeatureCache

MIN_SPREAD = 1e-6  # a channel that never changes is not blown up
IMAGES = 32  # read at a time


@dataclass(frozen=True)
class StageScale:
    """What is known of the training images' stages.

    Attributes:
        shift: (C,) of each stage, subtracted from its channels.
        spread: (C,) of each, by which they are divided then.
    """

    shift: Sequence[Tensor]
    spread: Sequence[Tensor]

    def apply(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """(B, C, h, w) each -> the same, channels of mean 0 and variance 1."""
        parts = zip(stages, self.shift, self.spread, strict=True)
        return [(x - shift[:, None, None]) / spread[:, None, None] for x, shift, spread in parts]

    def to(self, device: torch.device) -> "StageScale":
        """The same on a device."""
        return StageScale([x.to(device) for x in self.shift], [x.to(device) for x in self.spread])


def plain(channels: Sequence[int]) -> StageScale:
    """Leaves stages as they are."""
    return StageScale([torch.zeros(count) for count in channels], [torch.ones(count) for count in channels])


def measure(cache: FeatureCache, images: Sequence[int], stages: int) -> StageScale:
    """Means and spreads over some images; of what is kept of each, the first `stages` count."""
    shapes = cache.shapes[:stages]
    sums = [torch.zeros(shape[0], dtype=torch.float64) for shape in shapes]
    squares = [torch.zeros(shape[0], dtype=torch.float64) for shape in shapes]
    for batch in cache.batches(images, IMAGES):
        for number, features in enumerate(batch[:stages]):
            exact = features.double().cpu()
            sums[number] += exact.mean(dim=(2, 3)).sum(dim=0)
            squares[number] += exact.square().mean(dim=(2, 3)).sum(dim=0)
    means = [total / len(images) for total in sums]
    pairs = zip(squares, means, strict=True)
    spreads = [(square / len(images) - mean.square()).clamp_min(0).sqrt() for square, mean in pairs]
    return StageScale([x.float() for x in means], [x.float().clamp_min(MIN_SPREAD) for x in spreads])
