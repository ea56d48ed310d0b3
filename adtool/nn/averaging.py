"""Features on a coarser grid, or in fewer channels."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn import tracing


def averaged(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """(B, C, H, W) features averaged to (B, C, *shape).

    In a graph that is exported the grids are whole multiples of each other, and what averages squares is known to more
    runtimes than what averages to a size.
    """
    if tracing.is_followed():
        steps = (round(int(x.shape[-2]) / int(shape[0])), round(int(x.shape[-1]) / int(shape[1])))
        if (steps[0] * int(shape[0]), steps[1] * int(shape[1])) == (int(x.shape[-2]), int(x.shape[-1])):
            return F.avg_pool2d(x, steps, steps)
    return F.adaptive_avg_pool2d(x, shape)


def in_channels(x: Tensor, count: int) -> Tensor:
    """(..., C) neighbouring channels averaged to (..., count), as `adaptive_avg_pool1d` does.

    In a graph that is exported it is a product, since not every runtime knows what averages to a size.
    """
    channels = int(x.shape[-1])
    if not tracing.is_followed():
        return F.adaptive_avg_pool1d(x, count)
    weights = np.zeros((channels, count), np.float32)
    for one in range(count):
        start, stop = one * channels // count, -(-(one + 1) * channels // count)
        weights[start:stop, one] = 1 / (stop - start)
    return x @ torch.from_numpy(weights)  # a constant
