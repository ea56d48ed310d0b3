"""From class probabilities of crops to the class of an image: an average weighted by the crops' defect area.

Source: AnomalyNCD's public code (`region_merge_predict`); arXiv 2410.14379 weighs with softmax(sqrt(area) / T).
"""

import numpy as np
from numpy.typing import NDArray

LOGIT_TEMPERATURE = 0.1
# The reference takes T = 100 for MVTec AD (700 to 1024 px) and 50 otherwise (MTD, some 400 px): an eighth of the side.
SIDES_PER_TEMPERATURE = 8

Probabilities = NDArray[np.float64]


def scaled_temperature(height: int, width: int) -> float:
    """The temperature T of the area weights for images of this size, in pixels (sqrt(area) is a length)."""
    return max(height, width) / SIDES_PER_TEMPERATURE


def class_probabilities(
    logits: NDArray[np.floating], n_base: int = 0, temperature: float = LOGIT_TEMPERATURE
) -> Probabilities:
    """Probabilities of the discovered classes; (..., base + K) -> the same shape.

    Args:
        logits: cosine logits.
        n_base: the first columns belong to labelled base classes: they get 0, the others sum to 1.
        temperature: divides the logits.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    scaled[..., :n_base] = -np.inf  # the same as removing the columns from the softmax and setting them to 0
    return _softmax(scaled)


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
    return np.stack([_softmax(weights[crops]) @ probabilities[crops] for crops in of_images])


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
