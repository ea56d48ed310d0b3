"""How far an image lies from its class, and from which distance on it is of none."""

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def from_others(apart: Values, labels: NDArray[np.int64]) -> Values:
    """Distances from the middles of classes, as if each item had not been among those that its own is the middle of.

    That is how a new item will meet it: without this, few items of many dimensions seem nearer than any new one is.
    A class of a single item keeps its distance of 0.

    Args:
        apart: (N, K).
        labels: (N,).
    """
    sizes = np.bincount(labels, minlength=apart.shape[1])[labels]
    found = apart.copy()
    found[np.arange(len(labels)), labels] *= sizes / np.maximum(sizes - 1, 1)
    return found


def of_class(apart: Values, labels: NDArray[np.int64]) -> Values:
    """Distance of each item from its class; (N, K), (N,) -> (N,)."""
    return apart[np.arange(len(labels)), labels]


def limit(calibration: NDArray[np.floating], share: float) -> float:
    """The distance that a share of the images which the classes were found on exceeds, none for 0; (N,) distances."""
    if not share:
        return math.inf
    return float(np.quantile(calibration, 1 - share, method="higher"))
