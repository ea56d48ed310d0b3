"""Maps from a grid of scores: brought to a size, and blurred."""

import cv2
import numpy as np

from adtool_runtime.image_scores import Floats


def enlarge(grid: Floats, height: int, width: int, *, blur: float, mirrored: bool = False) -> Floats:
    """Scores of a grid as a smooth map.

    Args:
        grid: (h, w) float32.
        height: of the map, in pixels.
        width: of the map.
        blur: sigma of the Gaussian, in pixels of the map; 0 for none.
        mirrored: whether the map goes on mirrored beyond its border, instead of with the border's value.

    Returns:
        (height, width) float32.
    """
    scores = np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return blurred(scores, blur, mirrored=mirrored)


def blurred(scores: Floats, blur: float, *, mirrored: bool) -> Floats:
    """A map, blurred; see `enlarge`."""
    if blur > 0:
        border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_REPLICATE
        scores = np.asarray(cv2.GaussianBlur(scores, (0, 0), blur, borderType=border), dtype=np.float32)
    return np.ascontiguousarray(scores, dtype=np.float32)
