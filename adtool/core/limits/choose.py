"""Chooses a limit; the one place where that is done."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool.core.limits import tail as tails
from adtool.core.limits.asked import Asked as Asked
from adtool.core.limits.evidence import Evidence, count_by_size
from adtool.core.limits.limit_file import ExpectedForm, Limit, MadeFrom, RateForm
from adtool.core.limits.tail import Tail
from adtool.core.words import counted

# Share of good parts that are rejected where nothing else is asked for: the first that may hardly turn out as more than
# `AT_MOST`. The largest finds most for each good part it costs (examples/results/README.md, "Limits").
DEFAULT_FALSE_ALARMS = 0.05
CAUTIOUS = (DEFAULT_FALSE_ALARMS, 0.045, 0.04, 0.035)
AT_MOST = 0.1
ENOUGH = 50  # normal images; fewer can't promise that of any of them
RATES = tuple(sorted({0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, DEFAULT_FALSE_ALARMS}))  # to choose from
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of painted defects found, likewise
FEWEST = 3  # normal images, that are no near duplicates, which tell how far scores spread
UNTOLD = "which does not tell how far the scores of good parts spread"
DIGITS = range(3, 10)  # of a limit
SHORT = range(1, 7)  # digits of a share of false alarms
FINE = 1e-3  # widths of the normal scores that rounding may move a limit by
HAIR = 1e-6  # of a score
SHARE_DIGITS = 3  # of a share of defects
NEAR = 3  # working points shown on each side


def choose(evidence: Evidence, asked: Asked, set_by: str = "", tail: Tail | None = None) -> Limit:
    """The limit that is asked for; without a value, but with a reason, where it can't be had.

    Args:
        evidence: what is known of the scores.
        asked: for.
        set_by: the command that chooses.
        tail: of the evidence, where it is at hand.
    """
    tail = tail or tail_of(evidence)
    why = _lacks(evidence, asked, tail)
    value = None if why else _value(evidence, asked, tail)
    number = default_false_alarms(evidence, tail) if asked.number is None else asked.number
    return Limit(
        value=value,
        why=why,
        rule=asked.rule,
        asked=number,
        set_by=set_by,
        made_from=_made_from(evidence, tail),
        expected=ExpectedForm() if value is None else expect(evidence, value, tail),
    )


def tail_of(evidence: Evidence) -> Tail | None:
    """A model of the normal scores; None where they don't tell how far scores spread."""
    if len(set(evidence.groups)) < FEWEST:
        return None
    return tails.fit(evidence.normal_scores, evidence.groups)


def expect(evidence: Evidence, limit: float, tail: Tail | None = None) -> ExpectedForm:
    """What is expected of a limit.

    Args:
        evidence: what is known of the scores.
        limit: above which a part is rejected.
        tail: of the evidence, where it is at hand.
    """
    tail = tail or tail_of(evidence)
    rate = tail.expected(limit) if tail else None
    whole = count_by_size(evidence.painted)
    found = count_by_size(one for one in evidence.painted if one.score > limit)
    return ExpectedForm(
        false_alarms=RateForm(rate=rate.rate, low=rate.low, high=rate.high) if rate else None,
        found=sum(found.values()) / len(evidence.painted) if evidence.painted else None,
        found_by_size={name: found[name] / count for name, count in whole.items()},
    )


def default_false_alarms(evidence: Evidence, tail: Tail | None) -> float:
    """The share of good parts that is rejected by default."""
    if tail is None or round(tail.independent) < ENOUGH:
        return DEFAULT_FALSE_ALARMS
    limits = {rate: rounded(tail.limit_at(rate), evidence) for rate in CAUTIOUS}
    return next((rate for rate in CAUTIOUS if tail.expected(limits[rate]).high <= AT_MOST), CAUTIOUS[-1])


def _lacks(evidence: Evidence, asked: Asked, tail: Tail | None) -> str:
    """Why a limit can't be had, empty if it can."""
    if asked.rule == "at":
        return ""
    if asked.rule == "found":
        return "" if evidence.painted else "there are no scores of painted defects to tell by what is found"
    count = len(evidence.normals)
    if not count:
        return "there are no scores of normal images to choose it by"
    if tail is None:
        few = f"there are scores of only {counted(count, 'normal image')}" if count < FEWEST else ""
        return f"{few or f'all {count} normal images are near duplicates of one or two'}, {UNTOLD}"
    return ""


def _value(evidence: Evidence, asked: Asked, tail: Tail | None) -> float:
    if asked.at is not None:
        return asked.at
    if asked.found is not None:
        return _finding(evidence, asked.found, tail)
    assert tail is not None, "`_lacks` says so"
    return _allowing(tail, asked.false_alarms or default_false_alarms(evidence, tail), evidence)


def _allowing(tail: Tail, rate: float, evidence: Evidence) -> float:
    """The limit for a share of false alarms."""
    return rounded(tail.limit_at(rate) + _hair(evidence), evidence)


def _hair(evidence: Evidence) -> float:
    """Where all normal images score the same, the limit lies a hair above: what is rounded otherwise scores so, too."""
    scores = evidence.normal_scores
    return 0.0 if _width(evidence) else HAIR * abs(scores[0])


def _finding(evidence: Evidence, share: float, tail: Tail | None) -> float:
    """The highest limit that finds a share of the painted defects.

    It never lies above the strictest of `RATES`: there are no false alarms left to save there, only defects to lose.
    Where one of `RATES` finds just as many, it is that one, so that both options name the same limit.
    """
    scores = np.sort(evidence.painted_scores)[::-1]
    shares = np.arange(1, len(scores) + 1) / len(scores)
    count = int(np.argmax(shares.round(SHARE_DIGITS) >= round(share, SHARE_DIGITS))) + 1
    top = _below(float(scores[count - 1]), evidence)
    if tail is None:
        return top
    marks = [_allowing(tail, rate, evidence) for rate in RATES]
    as_many = [mark for mark in marks if np.sum(scores > mark) == np.sum(scores > top) and mark <= top]
    return min(max(as_many, default=top), marks[0])


def _below(score: float, evidence: Evidence) -> float:
    """A short number just below a score, so that it is found."""
    step = FINE * _width(evidence) or HAIR * abs(score)
    near = rounded(score - step, evidence)
    return near if near < score else math.nextafter(score, -math.inf)


def rounded(value: float, evidence: Evidence) -> float:
    """A limit with as few digits as say it: it is shown, and typed again."""
    fine = FINE * _width(evidence) or HAIR * abs(value) / 2
    return next((short for n in DIGITS if abs((short := float(f"{value:.{n}g}")) - value) <= fine), value)


def _width(evidence: Evidence) -> float:
    return tails.width(evidence.normal_scores or evidence.painted_scores or [0.0])


def _made_from(evidence: Evidence, tail: Tail | None) -> MadeFrom:
    return MadeFrom(
        normals=len(evidence.normals),
        groups=len(set(evidence.groups)),
        outliers=[evidence.normals[place].id for place in tail.outliers] if tail else [],
        painted=len(evidence.painted),
        how=evidence.how,
    )


@dataclass(frozen=True)
class WorkingPoint:
    """A limit that could be chosen.

    Attributes:
        asked: what chooses it.
        limit: itself.
        rejected: how many of the present parts it rejects.
        is_now: whether it is in force.
        false_alarms: the share that is expected, with as many digits as ask for a limit that decides the same; None
            where no share does, since it is not known or rarer than what the normal images can tell.
    """

    asked: Asked
    limit: Limit
    rejected: int
    is_now: bool = False
    false_alarms: float | None = None


def working_points(evidence: Evidence, limit: Limit, scores: Sequence[float]) -> list[WorkingPoint]:
    """The limit in force among its neighbours, the highest first; each number in it asks for just that limit.

    Args:
        evidence: what is known of the scores.
        limit: in force.
        scores: image scores of the present parts.
    """
    tail, present = tail_of(evidence), np.asarray(scores, dtype=np.float64)

    def point(asked: Asked, *, is_now: bool = False) -> WorkingPoint:
        found = limit if is_now else choose(evidence, asked, tail=tail)
        value = math.inf if found.value is None else found.value
        share = _typed(evidence, tail, value, present)
        return WorkingPoint(asked, found, int(np.sum(present > value)), is_now, share)

    rates = [rate for rate in RATES if tail and rate >= tail.least]
    others = [point(Asked(false_alarms=rate)) for rate in rates] + [point(Asked(found=share)) for share in SHARES]
    seen: dict[float, WorkingPoint] = {}
    for one in others:  # of those that say the same, the first
        if one.limit.value is not None and one.limit.value != limit.value:
            seen.setdefault(one.limit.value, one)
    falling = sorted(seen.values(), key=lambda one: -(one.limit.value or 0.0))
    if limit.value is None:
        return falling
    higher = [one for one in falling if (one.limit.value or 0.0) > limit.value]
    lower = [one for one in falling if (one.limit.value or 0.0) < limit.value]
    now = point(Asked(at=limit.value), is_now=True)
    return [*higher[-NEAR:], now, *lower[:NEAR]]


def _typed(evidence: Evidence, tail: Tail | None, limit: float, present: NDArray[np.float64]) -> float | None:
    """The shortest share of false alarms that asks for a limit which decides like this one."""
    if tail is None:
        return None
    rate, painted = tail.expected(limit).rate, np.asarray(evidence.painted_scores, dtype=np.float64)
    for digits in SHORT:
        share = float(f"{rate:.{digits}g}")
        other = _allowing(tail, share, evidence) if 0 < share < 1 else math.nan
        if all(np.sum(known > other) == np.sum(known > limit) for known in (present, painted)):
            return share
    return None
