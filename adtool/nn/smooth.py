"""Maps from patch scores: upsampling and blur."""

import torch.nn.functional as F
from torch import Tensor

from adtool.core.arrays import Floats
from adtool_runtime import smooth


def followed(grid: Tensor, height: int, width: int, *, corners: bool = False) -> Tensor:
    """Patch scores at the size of the map, not blurred, by torch's operators alone, for a graph; (h, w) -> (H, W).

    The same as `enlarge` up to rounding.
    """
    return F.interpolate(grid[None, None], (height, width), mode="bilinear", align_corners=corners)[0, 0]


def enlarge(
    grid: Tensor, height: int, width: int, *, blur: float, mirrored: bool = False, corners: bool = False
) -> Floats:
    """Patch scores as a smooth map.

    Args:
        grid: (h, w) float32 on the CPU.
        height: of the map, in pixels.
        width: of the map.
        blur: sigma of the Gaussian, in pixels of the map; 0 for none.
        mirrored: whether the map goes on mirrored beyond its border, instead of with the border's value.
        corners: whether the middles of corner patches come to lie on the map's corners, as some papers' code has it.

    Returns:
        (height, width) float32.
    """
    if corners:
        scores = F.interpolate(grid[None, None], (height, width), mode="bilinear", align_corners=True)[0, 0].numpy()
        return smooth.blurred(scores, blur, mirrored=mirrored)
    return smooth.enlarge(grid.numpy(), height, width, blur=blur, mirrored=mirrored)
