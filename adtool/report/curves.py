"""ROC, PR and PRO curves: exact at every distinct score, thinned only so far as no eye can tell."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores, Ranking

POINTS = 240  # of a drawn curve
Axis = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A line through (x, y), both (n,), x ascending."""

    x: Axis
    y: Axis


@dataclass(frozen=True)
class Curves:
    """The curves of one category of one source; those that can't be drawn are missing.

    Attributes:
        of: by name: `image_roc image_pr pixel_roc pixel_pr pro`.
        unless: by level (`image`, `pixel`), why there are none.
    """

    of: dict[str, Curve] = field(default_factory=dict)
    unless: dict[str, str] = field(default_factory=dict)


def draw(images: ImageScores, pixels: Pixels) -> Curves:
    """All curves that the data define."""
    found = Curves()
    for level, ranking in (("image", images.ranking), ("pixel", pixels.ranking)):
        if not (ranking.n_defects and ranking.n_normals):
            found.unless[level] = _reason(ranking)
            continue
        found.of[f"{level}_roc"] = roc(ranking)
        found.of[f"{level}_pr"] = precision_recall(ranking)
        if level == "pixel":
            found.of["pro"] = per_region_overlap(pixels)
    return found


def _reason(ranking: Ranking) -> str:
    if not (ranking.n_defects or ranking.n_normals):
        return f"no {ranking.unit} are labelled as good or defective"
    lacking = "good" if ranking.n_defects else "defective"
    return f"they need good and defective {ranking.unit}, and there are no {lacking} ones"


def roc(ranking: Ranking) -> Curve:
    """Found defects against false alarms, both as shares; equal scores make a slanted piece."""
    return _rising(ranking, ranking.defects / ranking.n_defects)


def per_region_overlap(pixels: Pixels) -> Curve:
    """Mean share of each region that is found, against the share of false alarms among normal pixels."""
    ranking = pixels.ranking
    weights = 1 / (pixels.areas_px[pixels.regions] * pixels.n_regions)  # (P,), by ascending score
    starts = np.cumsum(ranking.defects) - ranking.defects
    return _rising(ranking, np.add.reduceat(weights, starts))


def precision_recall(ranking: Ranking) -> Curve:
    """Share of rejected that are defects, against the share of defects that are found; one point a score."""
    found = ranking.found[::-1].astype(np.float64)
    precision = found / (found + ranking.at_least[::-1])
    recall = found / ranking.n_defects
    return _thin(np.concatenate([[0.0], recall]), np.concatenate([precision[:1], precision]))


def _rising(ranking: Ranking, gains: Axis) -> Curve:
    """What is gained at each score against the share of normals at or above it; (S,) in ascending order of scores."""
    after = np.cumsum(gains[::-1])
    x = np.stack([ranking.above[::-1], ranking.at_least[::-1]], axis=1).ravel() / ranking.n_normals
    y = np.stack([after - gains[::-1], after], axis=1).ravel()
    return _thin(np.concatenate([[0.0], x, [1.0]]), np.concatenate([[0.0], y, [after[-1]]]))


def _thin(x: Axis, y: Axis, points: int = POINTS) -> Curve:
    """Keep points at even distances along the line, the first and the last among them."""
    if x.size <= points:
        return Curve(x, y)
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
    kept = np.unique(np.concatenate([[0], kept, [x.size - 1]]))
    return Curve(x[kept], y[kept])
