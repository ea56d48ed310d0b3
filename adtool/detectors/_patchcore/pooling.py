"""A second memory of pooled patches, for what is faint and large.

An uneven shade or a worn surface drowns in the texture, which a mean of 3 x 3 patches on the coarse grid is rid of; but
that takes edges of a part that is never quite in the same place for defects. So both are looked at, and the fine grid
counts for more.
"""

import torch.nn.functional as F
from torch import Tensor

from adtool.detectors._patchcore.memory import PatchForm

POOL = 3
WEIGHT = 0.5  # of its squared distance; 0.25 shows outlines a little better, 1 large faint defects


def form(scale: str) -> PatchForm:
    """How the patches of the second memory are made."""
    return PatchForm(POOL, "coarse", scale)


def both(distance: Tensor, other: Tensor, levels: tuple[float, float], weight: float) -> Tensor:
    """Distances by two memories as one, on the scale of the first.

    Args:
        distance: (h, w) of the first.
        other: (h', w') of the second.
        levels: mean distance of good parts from each.
        weight: of the squares of the second, those of the first weigh 1.
    """
    if other.shape != distance.shape:
        other = F.interpolate(other[None, None], distance.shape, mode="bilinear")[0, 0]
    told = other * (levels[0] / levels[1])
    return ((distance.square() + weight * told.square()) / (1 + weight)).sqrt()
