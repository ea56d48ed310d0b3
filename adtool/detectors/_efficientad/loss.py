"""Losses of EfficientAD, and how its two maps become comparable."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from adtool.core.arrays import Floats

LOW, HIGH = 0.9, 0.995  # quantiles of the maps of good parts
AT_HIGH = 0.1  # what the upper one becomes; the lower becomes 0


def hard(apart: Tensor, quantile: float) -> Tensor:
    """Mean of the largest squared differences of a batch, those from a quantile on; a scalar.

    Args:
        apart: squared differences, of any shape.
        quantile: 0 for all of them.
    """
    least = math.ceil(quantile * (apart.numel() - 1))  # place of the smallest that counts, in their order
    values = apart.flatten()
    if not least:
        return values.mean()
    limit = torch.kthvalue(values.detach(), least + 1).values
    counts = values >= limit
    return (values * counts).sum() / counts.sum()


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference at each place; (..., C, h, w) twice -> (..., h, w)."""
    return (one - other).square().mean(dim=-3)


def quantiles(maps: Sequence[Floats]) -> tuple[float, float]:
    """The lower and the upper quantile of all values of maps."""
    low, high = np.quantile(np.concatenate([one.ravel() for one in maps]), (LOW, HIGH))
    return float(low), float(high)


def comparable(scores: Tensor, low: float, high: float) -> Tensor:
    """Scores of which the quantiles of good parts have become 0 and 0.1; equal ones don't magnify noise."""
    return AT_HIGH * (scores - low) / max(high - low, torch.finfo(torch.float32).tiny)
