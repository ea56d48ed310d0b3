"""Scored images, and what a ranking of scores says about two labels.

Pixels and images are judged by the same three figures (AUROC, average precision, F1max), so these live
here once; the plug-ins of the report only name them, and `refine` judges by them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


class UndefinedError(ValueError):
    """A metric that the data do not define; the message is the reason, as the report prints it."""


@dataclass(frozen=True)
class Ranking:
    """Where the defects stand among the normals, at each distinct score that a defect has.

    Thresholds between these scores need no look: they find no other defect, only other normals.

    Attributes:
        scores: (S,) distinct scores of the defects, ascending.
        defects: (S,) int64, defects with exactly this score.
        above: (S,) int64, normals with a higher score.
        at_least: (S,) int64, normals with this or a higher score.
        n_defects: number of all defects.
        n_normals: number of all normals.
        unit: what is ranked, for messages: "images" or "pixels".
        found_above: defects with a higher score than these; of a ranking that comes in parts, as millions of pixels do.
    """

    scores: NDArray[Any]
    defects: NDArray[np.int64]
    above: NDArray[np.int64]
    at_least: NDArray[np.int64]
    n_defects: int
    n_normals: int
    unit: str
    found_above: int = 0

    @classmethod
    def of(cls, defects: NDArray[Any], *normals: NDArray[Any], unit: str) -> "Ranking":
        """Rank two groups of scores, (P,) and (n,), in ascending order; the second may come in parts, each in order."""
        first = np.ones(defects.size, dtype=bool)
        np.not_equal(defects[1:], defects[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        scores = defects[starts]
        return cls(
            scores=scores,
            defects=np.diff(starts, append=defects.size).astype(np.int64),
            above=_beyond(scores, normals, side="right"),
            at_least=_beyond(scores, normals, side="left"),
            n_defects=defects.size,
            n_normals=sum(part.size for part in normals),
            unit=unit,
        )

    @property
    def found(self) -> NDArray[np.int64]:
        """(S,) defects with this or a higher score."""
        return np.cumsum(self.defects[::-1])[::-1] + self.found_above

    def require_both(self) -> None:
        """Raise `UndefinedError` unless there are defects and normals to compare."""
        missing = [name for name, count in (("defect", self.n_defects), ("normal", self.n_normals)) if not count]
        if missing:
            raise UndefinedError(f"no {' and no '.join(missing)} {self.unit}")


def _beyond(
    scores: NDArray[Any], normals: Sequence[NDArray[Any]], *, side: Literal["left", "right"]
) -> NDArray[np.int64]:
    """For each score, how many of the normals stand to the right of where it would be put."""
    found = np.zeros(scores.size, np.int64)
    for part in normals:
        found += part.size - np.searchsorted(part, scores, side=side)
    return found


def _parts(ranking: Ranking | Iterable[Ranking]) -> Iterator[Ranking]:
    for part in [ranking] if isinstance(ranking, Ranking) else ranking:
        part.require_both()
        yield part


def tie_share(ranking: Ranking | Iterable[Ranking]) -> float:
    """Share of the pairs of a defect and a normal whose scores are equal; NaN where there is no pair.

    AUROC would move by up to half of it if ties were broken one way or the other.
    """
    ties = pairs = 0
    for part in [ranking] if isinstance(ranking, Ranking) else ranking:
        ties += int(part.defects @ (part.at_least - part.above))
        pairs = part.n_defects * part.n_normals
    return ties / pairs if pairs else float("nan")


def auroc(ranking: Ranking | Iterable[Ranking]) -> float:
    """Share of the pairs of a defect and a normal in which the defect scores higher; a tie counts half.

    Below 0.5 it stays below 0.5: HVQ-Trans' code reports 1 - AUROC there, which hides inverted scores.

    Args:
        ranking: whole, or in parts.
    """
    lost_twice = pairs = 0
    for part in _parts(ranking):
        lost_twice += int(part.defects @ (part.above + part.at_least))  # exact, in int64
        pairs = part.n_defects * part.n_normals
    return 1 - lost_twice / (2 * pairs)


def average_precision(ranking: Ranking | Iterable[Ranking]) -> float:
    """Precision averaged over the defects, step-wise: no interpolation between thresholds.

    Args:
        ranking: whole, or in parts.
    """
    total, count = 0.0, 1
    for part in _parts(ranking):
        found = part.found
        total += float(part.defects @ (found / (found + part.at_least)))
        count = part.n_defects
    return total / count


def f1_max(ranking: Ranking | Iterable[Ranking]) -> float:
    """Largest F1 of all thresholds; the threshold is chosen with the labels, so this is an oracle figure.

    Args:
        ranking: whole, or in parts.
    """
    best = 0.0
    for part in _parts(ranking):
        found = part.found
        best = max(best, float(np.max(2 * found / (found + part.at_least + part.n_defects))))
    return best


def balanced_accuracy_max(ranking: Ranking) -> float:
    """Largest balanced accuracy of all limits; the limit is chosen with the labels, so this is an oracle figure.

    A limit just below a defect's score rejects the normals at or above it; one above all scores rejects nothing.
    """
    ranking.require_both()
    gained = ranking.found / ranking.n_defects - ranking.at_least / ranking.n_normals
    return (1 + max(0.0, float(np.max(gained)))) / 2


@dataclass(frozen=True)
class ImageScores:
    """The image scores of one category, with the truth.

    Attributes:
        scores: (N,) image scores, higher is more anomalous.
        is_defect: (N,) bool, whether the image's kind is not the normal kind (its folder decides,
            not its mask: masks of defect images can be empty).
        limit: images that score higher are rejected; None without one.
    """

    scores: NDArray[np.float64]
    is_defect: NDArray[np.bool_]
    limit: float | None = None

    @cached_property
    def ranking(self) -> Ranking:
        """The defect images among the normal images."""
        return Ranking.of(np.sort(self.scores[self.is_defect]), np.sort(self.scores[~self.is_defect]), unit="images")
