"""AUPRO: how much of each defect region is found, averaged over low false-positive rates."""

import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Floats
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import UndefinedError

MAX_FPR = 0.3  # integration limit of the MVTec AD benchmark (Bergmann et al., IJCV 2021)


def aupro(pixels: Pixels, max_fpr: float = MAX_FPR) -> float:
    """Area under the per-region-overlap curve left of `max_fpr`, divided by `max_fpr`.

    It is the mean over regions of the partial area under the ROC curve of that region against all
    normal pixels, so no curve over all pixels has to be built. A perfect map gives 1, a constant one
    `max_fpr` / 2. Pixels with equal scores count as if in random order: a straight piece of the curve.

    Most published codes sample 200 thresholds evenly between lowest and highest score, which loses most
    of the curve of a heavy-tailed map; the CFA code also stretches the curve to [0, 1], which
    rewards maps that find nothing. We do neither.

    Args:
        pixels: all pixels of a category.
        max_fpr: integration limit, in (0, 1].

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    total = np.zeros(pixels.n_regions)
    for place, ranking in pixels.parts():
        ranking.require_both()
        # A region pixel is found from FPR `start` on, and with it its ties by `end`.
        start, end = ranking.above / ranking.n_normals, ranking.at_least / ranking.n_normals
        reached = np.clip(max_fpr - start, 0, end - start)  # part of the ramp before the limit
        ramp = reached**2 / (2 * np.where(end > start, end - start, 1))
        area = ramp + np.maximum(max_fpr - end, 0)  # (S,) per distinct score of the defects
        total += pixels.per_region(place, ranking, area)
    return float((total / pixels.areas_px).mean()) / max_fpr


def sampled_aupro(pixels: Pixels, thresholds: int, max_fpr: float = MAX_FPR) -> float:
    """The area as published codes take it: at a few thresholds, evenly spaced from the lowest to the highest score.

    Source: the public code of Dinomaly, GLAD and HVQ-Trans, which CostFilter-AD shares: only thresholds with a
    false-positive rate below `max_fpr` count, and what they span is stretched to the whole; nothing is interpolated
    up to the limit. Of a heavy-tailed map hardly a threshold lies where its curve is, see `aupro`. Difference: where no
    threshold that counts marks a normal pixel the codes divide by zero; here it is what is found there at most.

    Args:
        pixels: all pixels of a category.
        thresholds: how many.
        max_fpr: limit of the false-positive rate, in (0, 1].

    Raises:
        UndefinedError: there are no defect pixels, no normal ones, or no two thresholds below the limit.
    """
    for unit, is_there in (("defect", pixels.defects.size > 0), ("normal", any(part.size for part in pixels.normals))):
        if not is_there:
            raise UndefinedError(f"no {unit} pixels")
    ends = [float(part[place]) for part in (*pixels.normals, pixels.defects) if part.size for place in (0, -1)]
    lowest, highest = min(ends), max(ends)
    if lowest == highest:
        raise UndefinedError("no two thresholds: all scores are equal")
    levels = _at_most(np.arange(lowest, highest, (highest - lowest) / thresholds))
    n_normals = sum(part.size for part in pixels.normals)
    false = sum(part.size - np.searchsorted(part, levels, side="right") for part in pixels.normals)
    fpr = np.asarray(false, np.float64) / n_normals
    pro = 1 - _missed(pixels, levels) / pixels.n_regions
    counts = fpr < max_fpr
    x, y = fpr[counts][::-1], pro[counts][::-1]  # both ascending
    if not x.size or (x.size == 1 and x[0] > 0):
        raise UndefinedError(f"no two of {thresholds} thresholds have a false-positive rate below {max_fpr}")
    return float(np.trapezoid(y, x) / x[-1]) if x[-1] else float(y[-1])


def _missed(pixels: Pixels, levels: Floats) -> NDArray[np.float64]:
    """The sum over regions of the share of each that is not above a level, for each of the (n,) levels."""
    weights, missed = 1 / pixels.areas_px, np.zeros(levels.size)
    for start in range(0, pixels.defects.size, pixels.at_once):
        here = slice(start, start + pixels.at_once)
        lowest = np.concatenate([[0.0], np.cumsum(weights[pixels.regions[here]])])  # by the lowest pixels
        missed += lowest[np.searchsorted(pixels.defects[here], levels, side="right")]
    return missed


def _at_most(values: NDArray[np.float64]) -> Floats:
    """The highest float32 numbers that are not above these: the same float32 scores exceed them."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
