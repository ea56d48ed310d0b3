"""From class probabilities of crops to the class of an image: an average weighted by the crops' defect area.

Source: AnomalyNCD's public code (`region_merge_predict`); arXiv 2410.14379 weighs with softmax(sqrt(area) / T).
"""

import numpy as np
from numpy.typing import NDArray

from adtool_runtime.classes.vectors import softmax

# The reference takes T = 100 for MVTec AD (700 to 1024 px) and 50 otherwise (MTD, some 400 px): an eighth of the side.
SIDES_PER_TEMPERATURE = 8

Probabilities = NDArray[np.float64]


def scaled_temperature(height: int, width: int) -> float:
    """The temperature T of the area weights for images of this size, in pixels (sqrt(area) is a length)."""
    return max(height, width) / SIDES_PER_TEMPERATURE


def merge_regions(
    probabilities: Probabilities,
    crop_image: NDArray[np.integer],
    area_px: NDArray[np.integer],
    temperature: float | NDArray[np.float64],
) -> Probabilities:
    """Class probabilities of images from those of their crops.

    Args:
        probabilities: (R, K) of the crops.
        crop_image: (R,) which image, 0 .. N - 1, a crop is from; every image has at least one.
        area_px: (R,) defect pixels in the crop.
        temperature: T, one for all or one per crop (R,), see `scaled_temperature`.

    Returns:
        (N, K); an image with one crop gets that crop's.
    """
    weights = np.sqrt(np.asarray(area_px, np.float64)) / temperature
    order = np.argsort(crop_image, kind="stable")
    starts = np.cumsum(np.bincount(crop_image))[:-1]  # where the crops of the next image begin
    of_images = np.split(order, starts)
    return np.stack([softmax(weights[crops]) @ probabilities[crops] for crops in of_images])
