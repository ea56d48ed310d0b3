"""Maps from patch scores: upsampling and blur."""

import cv2
import numpy as np
import torch.nn.functional as F
from torch import Tensor

from adtool.core.arrays import Floats


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
    else:
        scores = cv2.resize(grid.numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
    if blur > 0:
        scores = cv2.GaussianBlur(
            scores, (0, 0), blur, borderType=cv2.BORDER_REFLECT if mirrored else cv2.BORDER_REPLICATE
        )
    return np.ascontiguousarray(scores, dtype=np.float32)
