"""MEBin: one binary per score map, from the threshold range over which its number of regions stays the same.

Source: AnomalyNCD (arXiv 2410.14379), section "main element binarisation", and its public code.

The thresholds are spread between the smallest and the largest maximum over the maps of a category, so a category
takes two passes: the maximum of every map first (`SearchRange.over`), then map by map (`binarize`); no stack of maps
is ever held.

Thresholding and eroding commute: eroding ``scores > t`` is the same as comparing the grey-eroded scores with ``t``.
So a map is eroded once, and per threshold only the components are counted, inside the bounding box of what is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TOP = 255  # the reference counts thresholds on an 8-bit scale: 255, 251, ..., 3
STEP = 4
MIN_RUN = 4  # samples over which a count has to stay the same
EROSION_SIDE = 6  # pixels, at the map size below
EROSION_MAP_SIZE = 518  # side of the maps for which the reference chose its kernel
_MAX_UINT16_LABELS = 2**16 - 1

Scores = NDArray[Any]  # float32, float64, uint8 or uint16
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class SearchRange:
    """Where thresholds are looked for: from `lo` (the lowest maximum of any map) to `hi` (the highest)."""

    lo: float
    hi: float

    @classmethod
    def over(cls, maxima: Iterable[float]) -> "SearchRange":
        """The range of a category, from the maximum of each of its maps; at least one."""
        values = [float(value) for value in maxima]
        return cls(lo=min(values), hi=max(values))

    @property
    def is_empty(self) -> bool:
        """All maxima are equal: the reference divides 0 by 0 and finds nothing, so nothing is found here."""
        return not self.hi > self.lo

    def thresholds(self, *, integers: bool) -> NDArray[np.float64]:
        """The 64 thresholds on the scale of the maps, from high to low.

        Args:
            integers: for 8- and 16-bit maps, rounded down; ``map > threshold`` stays the same, exactly.
        """
        samples = np.arange(TOP, 0, -STEP, dtype=np.float64)
        offset = samples * (self.hi - self.lo) / TOP
        # The product of integers is exact in float64, and a quotient that is an integer is exact, too.
        return (np.floor(offset) if integers else offset) + self.lo

    def normalize(self, scores: Scores) -> NDArray[np.float64]:
        """Scores as 0 (at or below `lo`) to 1 (`hi`); larger than 1 for a map that was not in the category.

        The reference counts 0 to 255. An empty range gives 0 throughout.
        """
        if self.is_empty:
            return np.zeros(scores.shape)
        return np.maximum(scores.astype(np.float64) - self.lo, 0) / (self.hi - self.lo)


@dataclass(frozen=True)
class Binarized:
    """What MEBin found in one map."""

    binary: NDArray[np.bool_]  # (H, W), map size
    threshold: float  # scores above it, eroded, are the binary; TOP (or infinity for float maps) if no run was found
    regions: int  # estimated number of regions, v* in the notes; regions inside the hole of another one count
    counts: Counts  # (64,) regions per threshold, from high to low


def erosion_side(height: int, width: int) -> int:
    """The erosion kernel of a map, in pixels: the share of the longer side that the reference's kernel has."""
    return max(1, round(EROSION_SIDE * max(height, width) / EROSION_MAP_SIZE))


def binarize(scores: Scores, search: SearchRange, *, side: int = EROSION_SIDE, min_run: int = MIN_RUN) -> Binarized:
    """Find the main regions of one map.

    Args:
        scores: (H, W), 8- or 16-bit or float, finite.
        search: the range over the category of this map.
        side: side of the square erosion kernel in map pixels, see `erosion_side`; 1 does not erode.
        min_run: samples over which the number of regions must stay the same. Lower it when regions are
            missed, raise it when there are false ones.
    """
    integers = np.issubdtype(scores.dtype, np.integer)
    thresholds = search.thresholds(integers=integers)
    eroded = erode(scores, side)
    counts = np.zeros(len(thresholds), np.int64) if search.is_empty else count_regions(eroded, thresholds)
    regions, end = stable_run(counts, min_run)
    if not regions:
        nothing = float(TOP) if integers else float("inf")
        return Binarized(np.zeros(scores.shape, bool), nothing, 0, counts)
    return Binarized(_above(eroded, thresholds[end]), float(thresholds[end]), regions, counts)


def erode(scores: Scores, side: int) -> Scores:
    """Minimum over a square; pixels outside the map do not erode, so what touches the border stays.

    An even square reaches one pixel further to the top left, so what is left lies half a pixel to the bottom right.
    """
    if scores.dtype not in (np.uint8, np.uint16, np.float32):
        scores = scores.astype(np.float64)
    return cv2.erode(np.ascontiguousarray(scores), np.ones((side, side), np.uint8))


def count_regions(eroded: Scores, thresholds: NDArray[np.float64]) -> Counts:
    """Number of 8-connected regions above each threshold; (H, W), (S,) descending -> (S,)."""
    rows, columns = eroded.max(axis=1), eroded.max(axis=0)
    label_type = cv2.CV_16U if eroded.size // 4 < _MAX_UINT16_LABELS else cv2.CV_32S
    counts = np.zeros(len(thresholds), np.int64)
    for k, threshold in enumerate(thresholds):
        box = _span(rows, threshold), _span(columns, threshold)
        if box[0].stop > box[0].start:
            above = _above(eroded[box], threshold).view(np.uint8)
            counts[k] = cv2.connectedComponents(above, connectivity=8, ltype=label_type)[0] - 1
    return counts


def stable_run(counts: Counts, min_run: int = MIN_RUN) -> tuple[int, int]:
    """The count that stays the same for longest, and the last sample of that run; (0, 0) if there is none.

    Args:
        counts: (S,) regions per threshold, from high to low.
        min_run: shorter runs do not qualify.

    Between counts with equally long runs, the one that qualifies first, at a higher threshold, wins. Between equally
    long runs of that count, the one at the lowest thresholds wins, as the most complete picture of the regions.
    """
    edges = np.flatnonzero(np.diff(counts)) + 1
    starts = np.concatenate(([0], edges))
    ends = np.concatenate((edges, [len(counts)])) - 1
    lengths: dict[int, int] = {}  # in order of first qualification
    last: dict[int, int] = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        value, length = int(counts[start]), end - start + 1
        if value and length >= min_run and length >= lengths.get(value, 0):
            lengths[value], last[value] = length, end
    if not lengths:
        return 0, 0
    best = max(lengths, key=lambda value: lengths[value])  # max keeps the first of equals
    return best, last[best]


def _above(scores: Scores, threshold: float) -> NDArray[np.bool_]:
    # numpy compares in the type of the scores: 8-bit thresholds are whole numbers, float32 ones are rounded once.
    return scores > scores.dtype.type(threshold)


def _span(maxima: Scores, threshold: float) -> slice:
    """The rows (or columns) from the first to the last with a pixel above the threshold."""
    where = np.flatnonzero(maxima > maxima.dtype.type(threshold))
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0)
