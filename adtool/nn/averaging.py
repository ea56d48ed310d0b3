"""Features on a coarser grid."""

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
