"""Scores of square crops; the squares themselves are found and cut in `core.crops`."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adtool.core.crops import Box as Box
from adtool.core.crops import Boxes as Boxes
from adtool.core.crops import Region as Region
from adtool.core.crops import box_gap as box_gap
from adtool.core.crops import crop_boxes as crop_boxes
from adtool.core.crops import cut as cut
from adtool.core.crops import find_regions as find_regions
from adtool.core.crops import merge_boxes as merge_boxes
from adtool.core.crops import pixel_box as pixel_box
from adtool.core.crops import square_around as square_around
from adtool.core.crops import whole_pixels as whole_pixels
from adtool.discover.binarize import Scores, SearchRange


def crop_score(normalized: NDArray[np.float64], box: Box) -> float:
    """Largest score inside a box, 0 outside the image; `normalized` is `normalized_scores` of the image, (H, W)."""
    left, top, right, bottom = pixel_box(box)
    height, width = normalized.shape
    inside = normalized[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    leaves = left < 0 or top < 0 or right > width or bottom > height
    return float(max(inside.max(initial=-np.inf), 0.0 if leaves else -np.inf))


def normalized_scores(scores: Scores, search: SearchRange, height: int, width: int) -> NDArray[np.float64]:
    """Scores of the map at image size (H, W), about 0 to 1: 0 at or below the search range, 1 at its top."""
    # The scale of 255 matters for parity only: float32 rounds differently after a division.
    levels = (search.normalize(scores) * 255).astype(np.float32)
    resized = Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized, np.float64) / 255
