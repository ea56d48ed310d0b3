"""Patches of an image: features of several layers on one grid (Roth et al., CVPR 2022, section 3.1)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn.averaging import averaged, in_channels


def embed(layers: Sequence[Tensor], *, pool: int, grid: str, mapped: int = 0) -> tuple[Tensor, tuple[int, int]]:
    """Locally pooled features of several layers on one grid.

    Args:
        layers: (C_l, h_l, w_l) features, shallow to deep.
        pool: side of the average pooling; places outside the image don't count.
        grid: `fine` or `coarse`: the grid of the first or of the last layer.
        mapped: channels that each layer's neighbourhood, and then all layers, are averaged to, as in the authors' code;
            0 for those of the layers, each averaged by itself.

    Returns:
        (P, C) with C the sum of the channels, and (h, w).
    """
    target = layers[0 if grid == "fine" else -1]
    shape = (target.shape[-2], target.shape[-1])
    found = []
    for layer in layers:
        x = layer.unsqueeze(0)
        if mapped:
            x = _described(x, pool, mapped)
        elif pool > 1:
            x = F.avg_pool2d(x, pool, 1, pool // 2, count_include_pad=False)
        if x.shape[-2:] != shape:
            finer = x.shape[-1] > shape[-1]
            x = averaged(x, shape) if finer else F.interpolate(x, shape, mode="bilinear")
        found.append(x.squeeze(0))
    patches = torch.cat(found).flatten(1).T.contiguous()
    return in_channels(patches, mapped) if mapped else patches, shape


def _described(layer: Tensor, pool: int, channels: int) -> Tensor:
    """(1, C, h, w) -> (1, channels, h, w): the C * pool**2 values around each place as so many averages in a row."""
    around = F.unfold(layer, pool, padding=pool // 2)[0].T  # (P, C * pool**2), zeros beyond the border
    return in_channels(around, channels).T.reshape(1, channels, *layer.shape[-2:])
