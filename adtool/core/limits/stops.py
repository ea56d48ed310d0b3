"""Limits to try one after another: one in each gap between scores, so that each decides differently."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

DIGITS = range(2, 18)
BEYOND = 0.02  # of the range of the scores, below the lowest of them


def stops(scores: Sequence[float], now: float | None, most: int) -> list[float]:
    """Limits in ascending order, each with few digits; the first rejects all parts, the last none.

    Args:
        scores: image scores of the parts, at least one.
        now: a limit that is among them as it is.
        most: of them, more or less; those near `now` are dense where not all can be there.
    """
    distinct = np.unique(np.asarray(scores, dtype=np.float64)).tolist()
    spread = BEYOND * (distinct[-1] - distinct[0]) or max(abs(distinct[0]), 1.0) * BEYOND
    ends = [distinct[0] - spread, *distinct, distinct[-1] + spread]
    # A part is rejected above the limit: the gap begins with a score and ends before the next one.
    found = [_short(low, high) for low, high in pairwise(ends)]
    if now is not None:
        place = int(np.searchsorted(distinct, now, side="right"))
        found[place] = now
        found = _some(found, place, most)
    else:
        found = _some(found, len(found) - 1, most)
    return found


def _some(limits: list[float], place: int, most: int) -> list[float]:
    """Half of them around a place, the others evenly, with both ends."""
    if len(limits) <= most:
        return limits
    near = range(max(0, place - most // 4), min(len(limits), place + most // 4 + 1))
    even = np.linspace(0, len(limits) - 1, most // 2).round().astype(int).tolist()
    return [limits[one] for one in sorted({*near, *even, place})]


def _short(low: float, high: float) -> float:
    """The number with the fewest digits from `low` on and below `high`, near the middle."""
    middle = low + (high - low) / 2
    tried = (float(f"{middle:.{digits}g}") for digits in DIGITS)
    return next((one for one in tried if low <= one < high), low)
