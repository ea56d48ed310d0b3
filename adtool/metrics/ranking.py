"""Scored images, and what a ranking of scores says about two labels.

Pixels and images are judged by the same three figures (AUROC, average precision, F1max), so these live
here once; the plug-ins of the report only name them, and `refine` judges by them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    """

    scores: NDArray[Any]
    defects: NDArray[np.int64]
    above: NDArray[np.int64]
    at_least: NDArray[np.int64]
    n_defects: int
    n_normals: int
    unit: str

    @classmethod
    def of(cls, defects: NDArray[Any], normals: NDArray[Any], *, unit: str) -> "Ranking":
        """Rank two groups of scores, (P,) and (n,), both sorted in ascending order."""
        first = np.ones(defects.size, dtype=bool)
        np.not_equal(defects[1:], defects[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        scores = defects[starts]
        return cls(
            scores=scores,
            defects=np.diff(starts, append=defects.size).astype(np.int64),
            above=normals.size - np.searchsorted(normals, scores, side="right").astype(np.int64),
            at_least=normals.size - np.searchsorted(normals, scores, side="left").astype(np.int64),
            n_defects=defects.size,
            n_normals=normals.size,
            unit=unit,
        )

    @property
    def found(self) -> NDArray[np.int64]:
        """(S,) defects with this or a higher score."""
        return np.cumsum(self.defects[::-1])[::-1]

    @property
    def tie_share(self) -> float:
        """Share of the pairs of a defect and a normal whose scores are equal; NaN where there is no pair.

        AUROC would move by up to half of it if ties were broken one way or the other.
        """
        pairs = self.n_defects * self.n_normals
        return float(self.defects @ (self.at_least - self.above)) / pairs if pairs else float("nan")

    def require_both(self) -> None:
        """Raise `UndefinedError` unless there are defects and normals to compare."""
        missing = [name for name, count in (("defect", self.n_defects), ("normal", self.n_normals)) if not count]
        if missing:
            raise UndefinedError(f"no {' and no '.join(missing)} {self.unit}")


def auroc(ranking: Ranking) -> float:
    """Share of the pairs of a defect and a normal in which the defect scores higher; a tie counts half.

    Below 0.5 it stays below 0.5: HVQ-Trans' code reports 1 - AUROC there, which hides inverted scores.
    """
    ranking.require_both()
    lost_twice = int(ranking.defects @ (ranking.above + ranking.at_least))  # exact, in int64
    return 1 - lost_twice / (2 * ranking.n_defects * ranking.n_normals)


def average_precision(ranking: Ranking) -> float:
    """Precision averaged over the defects, step-wise: no interpolation between thresholds."""
    ranking.require_both()
    found = ranking.found
    return float(ranking.defects @ (found / (found + ranking.at_least))) / ranking.n_defects


def f1_max(ranking: Ranking) -> float:
    """Largest F1 of all thresholds; the threshold is chosen with the labels, so this is an oracle figure."""
    ranking.require_both()
    found = ranking.found
    return float(np.max(2 * found / (found + ranking.at_least + ranking.n_defects)))


@dataclass(frozen=True)
class ImageScores:
    """The image scores of one category, with the truth.

    Attributes:
        scores: (N,) image scores, higher is more anomalous.
        is_defect: (N,) bool, whether the image's kind is not the normal kind (its folder decides,
            not its mask: masks of defect images can be empty).
    """

    scores: NDArray[np.float64]
    is_defect: NDArray[np.bool_]

    @cached_property
    def ranking(self) -> Ranking:
        """The defect images among the normal images."""
        return Ranking.of(np.sort(self.scores[self.is_defect]), np.sort(self.scores[~self.is_defect]), unit="images")
