"""How far an image lies from what was there when classes were found, and from which distance on it is of none of them.

The free method remembers where the anomalies lay that its classes are of. The distance from the nearest of them tells
new kinds far better than that from the middle of a class (area under the curve .9 against .7 on kinds that were left
out), since few kinds are round. Where spots were seen they stand beside the whole picture, and a distance counts more
the clearer an anomaly is: of a kind that was left out half lie so beyond 98 % of the known ones (by the picture .2).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from adtool_runtime.classes import vectors

MOST = 4000  # points that are remembered, spread evenly over all
FEWEST = 5  # fewer say nothing about how far they usually lie from each other
BEYOND = 2  # images beyond a limit that make it a quantile
DIGITS = 6  # of distances: those of one picture agree in so many, however it was batched
KNOWN, CLOSE, NEAREST = "known", "known_clear", "nearest"  # by the whole picture, with its spot, and the distances

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
    """The distance that a share of the images which the classes were found on exceeds, none for 0; (N,) distances.

    Where fewer than `BEYOND` of them do, their quantile is chance: then that of half a normal distribution, as wide as
    those above the median lie from it.
    """
    if not share:
        return math.inf
    if share * len(calibration) >= BEYOND:
        return float(np.quantile(calibration, 1 - share))
    middle = float(np.median(calibration))
    above = calibration[calibration > middle] - middle
    width = float(np.sqrt(np.mean(np.square(above)))) if len(above) else 0.0
    return middle + width * float(stats.norm.isf(share))


def forms(stored: Mapping[str, NDArray[Any]]) -> dict[str, tuple[int | str, ...]]:
    """The shapes of what is remembered; empty where nothing is."""
    return {which: ("M", "D"), NEAREST: ("M",)} if (which := _which(stored)) else {}


def _which(stored: Mapping[str, NDArray[Any]]) -> str:
    return next((name for name in (CLOSE, KNOWN) if name in stored), "")


def is_close(stored: Mapping[str, NDArray[Any]]) -> bool:
    """Whether anomalies are remembered with their spots."""
    return _which(stored) == CLOSE


def remembered(points: Values, clearness: Values, *, close: bool) -> dict[str, NDArray[np.float32]]:
    """Anomalies as they are stored: (M, D) where they lie, and (M,) how far each lies from its nearest other.

    Args:
        points: (N, D) of anomalies.
        clearness: (N,) by how much the distance of each counts.
        close: whether the points are of pictures and their spots.
    """
    some = slice(None, None, max(1, -(-len(points) // MOST)))
    kept = points[some]
    if len(kept) < FEWEST:
        return {}
    nearest = _nearest_other(kept) * clearness[some]
    return {CLOSE if close else KNOWN: kept.astype(np.float32), NEAREST: nearest.astype(np.float32)}


def _nearest_other(points: Values) -> Values:
    apart = vectors.distances(points, points)
    np.fill_diagonal(apart, np.inf)  # none is its own nearest
    found: Values = apart.min(axis=1)
    return found


def away(points: Values, clearness: Values, stored: Mapping[str, NDArray[Any]]) -> Values:
    """How far each of N points lies from the nearest that is remembered, (N,); by how much it counts, (N,)."""
    found: Values = vectors.distances(points, stored[_which(stored)].astype(np.float64)).min(axis=1) * clearness
    return found


def reach(limit: float, stored: Mapping[str, NDArray[Any]]) -> float:
    """The plain distance that as many of those that are remembered exceed as exceed a limit."""
    share = float(np.mean(stored[NEAREST] <= limit))
    return float(np.quantile(_nearest_other(stored[_which(stored)].astype(np.float64)), share))


def ranks(apart: Values, stored: Mapping[str, NDArray[Any]]) -> Values:
    """Share of what is remembered that lies nearer to its nearest than each different one of N distances, (M,).

    A picture that is there several times has one distance, and says no more than once.
    """
    usual = np.sort(stored[NEAREST].astype(np.float64))
    found: Values = (np.searchsorted(usual, np.unique(np.round(apart, DIGITS))) + 0.5) / (len(usual) + 1)
    return found
