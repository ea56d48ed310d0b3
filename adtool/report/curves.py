"""ROC, PR and PRO curves: exact at every distinct score, thinned only so far as no eye can tell."""

from collections.abc import Callable, Iterable
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
    of_levels: dict[str, Callable[[], Iterable[Ranking]]] = {
        "image": lambda: [images.ranking],
        "pixel": pixels.rankings,
    }
    for level, parts in of_levels.items():
        first = next(iter(parts()))
        if not (first.n_defects and first.n_normals):
            found.unless[level] = _reason(first)
            continue
        found.of[f"{level}_roc"] = _joined(roc(part) for part in parts())
        found.of[f"{level}_pr"] = _joined(precision_recall(part) for part in parts())
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
    return _rising(ranking, ranking.defects / ranking.n_defects, ranking.found_above / ranking.n_defects)


def per_region_overlap(pixels: Pixels) -> Curve:
    """Mean share of each region that is found, against the share of false alarms among normal pixels."""
    pieces, before = [], 0.0
    for place, ranking in pixels.parts():
        weights = 1 / (pixels.areas_px[pixels.regions[place]] * pixels.n_regions)  # (P,), by ascending score
        starts = np.cumsum(ranking.defects) - ranking.defects
        pieces.append(_rising(ranking, np.add.reduceat(weights, starts), before))
        before += float(weights.sum())
    return _joined(pieces)


def precision_recall(ranking: Ranking) -> Curve:
    """Share of rejected that are defects, against the share of defects that are found; one point a score."""
    found = ranking.found[::-1].astype(np.float64)
    precision = found / (found + ranking.at_least[::-1])
    recall = found / ranking.n_defects
    if ranking.found_above:  # a lower part of the curve
        return _thin(recall, precision)
    return _thin(np.concatenate([[0.0], recall]), np.concatenate([precision[:1], precision]))


def _rising(ranking: Ranking, gains: Axis, before: float) -> Curve:
    """What is gained at each score against the share of normals at or above it.

    Args:
        ranking: whole, or a part.
        gains: (S,) in ascending order of scores.
        before: what was gained at higher scores.
    """
    after = before + np.cumsum(gains[::-1])
    x = np.stack([ranking.above[::-1], ranking.at_least[::-1]], axis=1).ravel() / ranking.n_normals
    y = np.stack([after - gains[::-1], after], axis=1).ravel()
    first, last = not ranking.found_above, int(ranking.found[0]) == ranking.n_defects
    x = np.concatenate([[0.0] * first, x, [1.0] * last])
    return _thin(x, np.concatenate([[0.0] * first, y, [after[-1]] * last]))


def _joined(pieces: Iterable[Curve]) -> Curve:
    """The pieces of a curve as one."""
    found = list(pieces)
    if len(found) == 1:
        return found[0]
    return _thin(np.concatenate([one.x for one in found]), np.concatenate([one.y for one in found]))


def _thin(x: Axis, y: Axis, points: int = POINTS) -> Curve:
    """Keep points at even distances along the line, the first and the last among them."""
    if x.size <= points:
        return Curve(x, y)
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
    kept = np.unique(np.concatenate([[0], kept, [x.size - 1]]))
    return Curve(x[kept], y[kept])
