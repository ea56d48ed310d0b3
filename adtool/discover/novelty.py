"""How far an image lies from what was there when classes were found, and from which distance on it is of none of them.

The free method remembers where the anomalies lay that its classes are of. The distance from the nearest of them tells
new kinds far better than that from the middle of a class (area under the curve .9 against .7 on kinds that were left
out), since few kinds are round.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adtool_runtime.classes import vectors

MOST = 4000  # points that are remembered, spread evenly over all
FEWEST = 5  # fewer say nothing about how far they usually lie from each other
KNOWN, NEAREST = "known", "nearest"
FORMS: Mapping[str, tuple[int | str, ...]] = {KNOWN: ("M", "D"), NEAREST: ("M",)}

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


def remembered(points: Values) -> dict[str, NDArray[np.float32]]:
    """Anomalies as they are stored: (M, D) where they lie, and (M,) how far each lies from its nearest other."""
    kept = points[:: max(1, -(-len(points) // MOST))]
    if len(kept) < FEWEST:
        return {}
    apart = vectors.distances(kept, kept)
    np.fill_diagonal(apart, np.inf)  # none is its own nearest
    return {KNOWN: kept.astype(np.float32), NEAREST: apart.min(axis=1).astype(np.float32)}


def away(points: Values, stored: Mapping[str, NDArray[Any]]) -> Values:
    """Distance of each of N points from the nearest that is remembered, (N,)."""
    found: Values = vectors.distances(points, stored[KNOWN].astype(np.float64)).min(axis=1)
    return found


def ranks(apart: Values, stored: Mapping[str, NDArray[Any]]) -> Values:
    """Share of what is remembered that lies nearer to its nearest than each of N distances, (N,)."""
    usual = np.sort(stored[NEAREST].astype(np.float64))
    found: Values = (np.searchsorted(usual, apart) + 0.5) / (len(usual) + 1)
    return found
