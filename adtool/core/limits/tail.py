"""How high good parts score: from the scores of some, how many others will lie above a limit.

Of scipy only `special` is used: `stats` takes longer to load than all that is done here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

LOW, HIGH = 0.05, 0.95  # ends of the interval
TOP = 5  # one in so many scores makes the tail beyond the highest
FEWEST_IN_TAIL = 2
FAR = 10.0  # robust standard deviations above the median, from which on a good part is odd
ODD_OF = 20  # at most one good part in so many is odd
NORMAL_QUARTILE = 0.6745  # standard deviations from the median of a normal distribution to its quartiles


@dataclass(frozen=True)
class Expected:
    """The share of good parts above a limit, and the ends of its 90 % interval."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Tail:
    """A model of the scores of good parts.

    Attributes:
        scores: (N,) as they were given.
        independent: number of groups among them: near duplicates say as much as one.
        outliers: places of good parts that score so far above the others that they don't set the limit.
    """

    scores: NDArray[np.float64]
    independent: int
    outliers: list[int]

    @cached_property
    def _falling(self) -> NDArray[np.float64]:
        """The scores that count, from the highest on."""
        return np.sort(np.delete(self.scores, self.outliers))[::-1]

    @cached_property
    def _scale(self) -> float:
        """Mean of an exponential tail beyond the highest score."""
        top = max(math.ceil(len(self._falling) / TOP), FEWEST_IN_TAIL)
        if len(self._falling) <= top:
            return float(self._falling.std())
        return float((self._falling[:top] - self._falling[top]).mean())

    def limit_at(self, false_alarms: float) -> float:
        """The limit that a share of good parts lies above."""
        place = false_alarms * (len(self._falling) + 1)  # 1 is the highest score
        if place < 1:
            return float(self._falling[0] - self._scale * math.log(place))
        return float(np.interp(place, np.arange(1, len(self._falling) + 1), self._falling))

    def expected(self, limit: float) -> Expected:
        """The share of good parts above a limit."""
        count, rising = len(self._falling), self._falling[::-1]
        if limit > rising[-1]:
            place = math.exp((rising[-1] - limit) / self._scale) if self._scale > 0 else 0.0
        else:
            place = float(np.interp(limit, rising, np.arange(count, 0, -1, dtype=float)))
        rate = place / (count + 1)
        return Expected(rate, *self._interval(rate))

    def _interval(self, rate: float) -> tuple[float, float]:
        """Where the share may lie; beyond the highest score it may be as high as there, and as low as nothing."""
        place, whole = rate * (self.independent + 1), self.independent + 1
        low = float(special.betaincinv(place, whole - place, LOW)) if place >= 1 else 0.0
        at_least = max(place, 1.0)
        high = float(special.betaincinv(at_least, whole - at_least, HIGH)) if whole > at_least else 1.0
        return min(low, rate), max(high, rate)


def fit(scores: Sequence[float], groups: Sequence[str]) -> Tail:
    """A model of scores.

    Args:
        scores: of good parts, two or more that are not all the same.
        groups: of each; near duplicates share one.
    """
    values = np.asarray(scores, dtype=np.float64)
    odd = _outliers(values)
    counted = {group for place, group in enumerate(groups) if place not in odd}
    return Tail(values, len(counted), odd)


def width(scores: Sequence[float]) -> float:
    """A robust standard deviation of scores; that of all where most of them are the same."""
    values = np.asarray(scores, dtype=np.float64)
    low, high = np.quantile(values, [0.25, 0.75])
    return float((high - low) / (2 * NORMAL_QUARTILE)) or float(values.std())


def _outliers(values: NDArray[np.float64]) -> list[int]:
    middle, upper = np.quantile(values, [0.5, 0.75])
    far = middle + FAR * (upper - middle) / NORMAL_QUARTILE
    found = np.flatnonzero((values > far) & (upper > middle))
    return sorted(found.tolist()) if len(found) * ODD_OF <= len(values) else []
