"""How high good parts score: from the scores of some, how many others will lie above a limit.

In the body of the scores the share above a limit is counted. At the top it follows an exponential tail, whose
steepness all of these scores tell together, so that none sets the limit alone. The tail is the predictive one: its
steepness is not known better than so few scores tell, and with that reckoned in, the share of parts rejected is in
the mean the share that was asked for, with few scores too.

Of scipy only `special` is used: `stats` takes longer to load than all that is done here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]

# Ends of the interval: a little wider than nine in ten, so that nine times in ten it also holds what is seen among some
# hundred new parts, which is not exact either.
LOW, HIGH = 0.03, 0.97
TOP = 0.5  # share of the scores that make the tail, if that is not more than MOST_IN_TAIL
FEWEST_IN_TAIL, MOST_IN_TAIL = 4.0, 30.0  # of them; a tail of very many is no longer exponential
ROUNDING = 1e-9  # of products
LEAST = 0.25  # of a part in all of them: a rarer false alarm can't be told from so few scores
STEPS = 100  # of the quantiles that an interval is reckoned from

# How many good parts are expected as high as an odd one; and as high as several together, which chance puts there less
# often: else one odd part would hide another.
ODD, ODD_TOGETHER = 0.01, 0.05
ODD_OF = 10  # at most one good part in so many is odd
SAME = 1e-9  # of the scores, a difference that is none
NORMAL_QUARTILE = 0.6745  # standard deviations from the median of a normal distribution to its quartiles


@dataclass(frozen=True)
class Expected:
    """The share of good parts above a limit, and the ends between which it lies nine times in ten."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class _Top:
    """The exponential tail.

    Attributes:
        start: the score it begins at.
        rate: share of good parts above that.
        count: scores in it, near duplicates as one.
        known: of these, whose height is used.
        total: height of all of them above `start`.
    """

    start: float
    rate: float
    count: float
    known: float
    total: float

    def above(self, limit: float) -> float:
        """Share of good parts above a limit in the tail."""
        return float(self.rate * (1 + (limit - self.start) / self.total) ** -self.known)

    def limit_at(self, rate: float) -> float:
        """The limit that a share of good parts lies above."""
        return float(self.start + self.total * ((self.rate / rate) ** (1 / self.known) - 1))


@dataclass(frozen=True)
class Tail:
    """A model of the scores of good parts.

    Attributes:
        scores: (N,) as they were given.
        each: how many independent scores one of them is: less than one, where some are near duplicates.
        outliers: places of good parts that score so far above the others that they don't set the limit.
    """

    scores: Values
    each: float
    outliers: list[int]

    @cached_property
    def _falling(self) -> tuple[Values, Values]:
        """The scores that count, from the highest on, and how many are as high, near duplicates as one."""
        return _ranked(np.delete(self.scores, self.outliers), self.each)

    @cached_property
    def _whole(self) -> float:
        """Gaps between the scores, each as likely as the others for the next one."""
        return float(self._falling[1][-1]) + 1

    @cached_property
    def _top(self) -> _Top | None:
        return _top(*self._falling)

    @property
    def independent(self) -> float:
        """How many scores count, near duplicates as one."""
        return self._whole - 1

    @property
    def least(self) -> float:
        """The rarest false alarms that so few scores tell of, a short number."""
        return float(f"{LEAST / self._whole:.1g}")

    def limit_at(self, false_alarms: float) -> float:
        """The limit that a share of good parts lies above; `least` if that is more."""
        rate, top = max(false_alarms, self.least), self._top
        if top and rate < top.rate:
            return top.limit_at(rate)
        scores, places = self._falling
        return float(np.interp(rate * self._whole, places, scores))

    def share_above(self, limit: float) -> float:
        """The share of good parts above a limit."""
        scores, places = self._falling
        if self._top and limit > self._top.start:
            return self._top.above(limit)
        return float(np.interp(limit, scores[::-1], places[::-1])) / self._whole

    def expected(self, limit: float) -> Expected:
        """The same with its interval."""
        rate = self.share_above(limit)
        return Expected(rate, *self._interval(rate, limit))

    def _interval(self, rate: float, limit: float) -> tuple[float, float]:
        """Where the share may lie: as wide as counting says, and in the tail as its steepness says, if that is wider.

        Beyond where one part is expected, it may as well be nothing.
        """
        place = max(rate * self._whole, LEAST)
        low, high = (float(special.betaincinv(place, max(self._whole - place, LEAST), end)) for end in (LOW, HIGH))
        top = self._top
        if top and limit > top.start:
            ends = (np.arange(STEPS) + 0.5) / STEPS
            begins = special.betaincinv(top.count + 1, max(self._whole - 1 - top.count, LEAST), ends)
            steep = special.gammaincinv(top.known, ends) / top.total
            shares = begins[:, None] * np.exp(-steep * (limit - top.start))
            low, high = min(low, float(np.quantile(shares, LOW))), max(high, float(np.quantile(shares, HIGH)))
        return min(low, rate) if place >= 1 else 0.0, max(high, rate)


def fit(scores: Sequence[float], groups: Sequence[str]) -> Tail:
    """A model of scores.

    Args:
        scores: of good parts, two or more; they may all be the same.
        groups: of each; near duplicates share one.
    """
    values = np.asarray(scores, dtype=np.float64)
    # Which of them are near duplicates does not matter: often just the usual parts are, and their low scores count.
    each = len(set(groups)) / len(values)
    return Tail(values, each, _outliers(values, each))


def width(scores: Sequence[float]) -> float:
    """A robust standard deviation of scores; the plain one where most of them are the same, 0 where all are."""
    values = np.asarray(scores, dtype=np.float64)
    if np.ptp(values) <= SAME * np.abs(values).max():  # else what rounding makes of 0
        return 0.0
    low, high = np.quantile(values, [0.25, 0.75])
    return float((high - low) / (2 * NORMAL_QUARTILE)) or float(values.std())


def _ranked(scores: Values, each: float) -> tuple[Values, Values]:
    return np.sort(scores)[::-1], each * np.arange(1, len(scores) + 1, dtype=np.float64)


def _top(scores: Values, places: Values) -> _Top | None:
    """The tail of falling scores; None where too few lie apart to make one.

    If there are enough, the highest score is taken to be as high as the next one, and not to be known beyond (censored,
    as in tests of how long lamps last that end before the last one fails): the tail stays the right one, and an odd
    part can't stretch it.
    """
    whole = float(places[-1])
    wanted = min(max(TOP * whole, FEWEST_IN_TAIL), MOST_IN_TAIL, whole / 2)
    begin = min(max(int(np.searchsorted(places, wanted + ROUNDING, side="right")), 1), len(scores) - 1)
    start = float(scores[begin])
    count = int(np.sum(scores > start))
    if not count:
        return None
    within = float(places[count - 1])
    hidden = min(int(np.searchsorted(places, 1 + ROUNDING, side="right")), count - 1) if within >= FEWEST_IN_TAIL else 0
    heights = np.minimum(scores[:count], scores[hidden]) - start
    known = within - (float(places[hidden - 1]) if hidden else 0.0)
    total = float(np.diff(places[:count], prepend=0.0) @ heights)
    return _Top(start, float(places[count]) / (whole + 1), within, known, total)


def _outliers(scores: Values, each: float) -> list[int]:
    """Places of the scores above a gap that the tail of those below it does not explain."""
    order = np.argsort(-scores, kind="stable")
    falling, places = _ranked(scores, each)
    for count in range(len(scores) // ODD_OF, 0, -1):
        rest, lowest = _top(falling[count:], places[: len(scores) - count]), float(falling[count - 1])
        odd = ODD if count == 1 else ODD_TOGETHER
        if rest and lowest > rest.start and rest.above(lowest) * float(places[-1]) < odd:
            return sorted(order[:count].tolist())
    return []
