"""Moves a limit by what people answered.

A limit costs the share of good parts above it and brings the share of defects above it. How thick good parts lie at
each score, the normal images tell. How thick defects lie around the limit, the answers tell: by the share of defects
among the answered parts there, and the number of all parts there. The limit goes to where both are the same: up, if it
rejects more good parts than it finds defects, and down as far as defects outweigh good parts.

Before the first answer both are taken to be the same at the limit, which then stays; that counts as much as `PRIOR`
answers. What was answered near the limit says little of scores far from it, so its weight falls off with the distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool.core.limits.tail import Tail, width

Values = NDArray[np.float64]

PRIOR = 8.0  # answers that the limit without them counts for
PRIOR_GOOD = 20.0  # parts answered as good, for how thick good parts lie: many normal images tell of that, too
NEAR = 1.0  # robust standard deviations of the normal scores: answers nearer than that to the limit tell of it
REACH = 0.5  # of the same, over which what answers tell falls to 1 / e beyond the last of them
HIGHEST = 1.5  # of the same, above the limit that it goes up at most
STEPS = 400  # limits that are tried
FEWEST = 0.05  # share of the parts that are good, and that have defects, at least


@dataclass(frozen=True)
class Answered:
    """The image score of a part that a person answered for, and whether it has a defect."""

    score: float
    is_defect: bool


def limit(tail: Tail, before: float, answered: Sequence[Answered], present: Sequence[float]) -> float:
    """The limit after answers.

    Args:
        tail: of the scores of good parts.
        before: the limit without answers.
        answered: parts that were answered for.
        present: image scores of all parts, answered or not.
    """
    spread = width(tail.scores.tolist())
    low, high = before - NEAR * spread, before + NEAR * spread
    near = [one for one in answered if low <= one.score <= high]
    if not near or spread <= 0:
        return before
    parts = np.asarray(present, dtype=np.float64)
    counts = _Counts.of(tail, parts, answered)
    begin = min(float(np.median(tail.scores)), before)
    tried, step = np.linspace(begin, before + HIGHEST * spread, STEPS, retstep=True)
    good = np.array([tail.share_above(one) for one in tried])

    there = max(float(np.sum((parts >= low) & (parts <= high))), float(len(near)))
    thick = (tail.share_above(before - spread / 2) - tail.share_above(before + spread / 2)) / spread
    told = thick * _more_defects(near, thick * (high - low) * counts.defects / there)
    first, last = (end(one.score for one in near) for end in (min, max))
    away = np.maximum(np.maximum(first - tried, tried - last), 0) / (REACH * spread)
    lost = np.cumsum(thick + (told - thick) * np.exp(-away)) * float(step)
    more_good = _more_good(near, (tail.share_above(low) - tail.share_above(high)) * counts.good / there)
    return float(tried[np.argmin(lost + more_good * good)])


@dataclass(frozen=True)
class _Counts:
    """How many parts are good and how many have a defect, about."""

    good: float
    defects: float

    @classmethod
    def of(cls, tail: Tail, parts: Values, answered: Sequence[Answered]) -> "_Counts":
        """Half of the good parts lie below the median of the normal scores, and hardly a defect."""
        whole, defects = len(parts), sum(one.is_defect for one in answered)
        below = 2.0 * float(np.sum(parts <= np.median(tail.scores)))
        fewest = max(len(answered) - defects, FEWEST * whole)
        good = min(max(below, fewest), max(whole - max(defects, FEWEST * whole), fewest))
        return cls(good, whole - good)


def _more_defects(near: Sequence[Answered], awaited: float) -> float:
    """How many times as thick as awaited defects lie near the limit.

    Args:
        near: answers.
        awaited: share of defects among the parts there.
    """
    share = min(max(awaited, FEWEST), 1 - FEWEST)
    return (sum(one.is_defect for one in near) / share + PRIOR) / (len(near) + PRIOR)


def _more_good(near: Sequence[Answered], awaited: float) -> float:
    """How many times as thick as awaited good parts lie there; never less, since few answers don't show their lack."""
    seen = sum(not one.is_defect for one in near)
    return max((seen + PRIOR_GOOD) / (len(near) * min(awaited, 1.0) + PRIOR_GOOD), 1.0)
