"""From a graph's grid of scores to what is said of a picture: map, image score, decision, boxes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from adtool_runtime import smooth
from adtool_runtime.boxes import Box, boxes_of
from adtool_runtime.decision import NOT_OK, decision
from adtool_runtime.engines import GRID, SHOWN
from adtool_runtime.forms import MapRule
from adtool_runtime.image_scores import Floats, MapViews, Standard, image_score, standardised
from adtool_runtime.seeing import SeenPixels


@dataclass(frozen=True)
class Result:
    """What is said of a picture.

    Attributes:
        score: of the picture.
        decision: OK or NOK; empty where the export has no limit.
        map: (H, W) scores, float32, as `adtool maps` writes them.
        boxes: regions of the map above the limit, the highest first; see `boxes_of`.
        class_name: of what was found; empty where the export has no classes.
        confidence: of the class, None without.
        size: (height, width) of the picture.
        remark: what is odd about the picture, empty if nothing.
    """

    score: float
    decision: str
    map: Floats = field(repr=False)
    boxes: tuple[Box, ...] = ()
    class_name: str = ""
    confidence: float | None = None
    size: tuple[int, int] = (0, 0)
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All but the map, for JSON."""
        return {
            "image_score": self.score,
            "decision": self.decision,
            "class": self.class_name,
            "confidence": self.confidence,
            "boxes": [one.as_dict() for one in self.boxes],
            "remark": self.remark,
        }


def scores_of(
    found: Mapping[str, Floats], seen: SeenPixels, rule: MapRule, standard: Standard | None, share: float = 1.0
) -> tuple[Floats, float]:
    """The map of a picture, and its image score.

    Args:
        found: what the graph gave, by its names of it: (h, w) grids.
        seen: what went into it.
        rule: how they come about.
        standard: of good parts, if the rule has one.
        share: of the picture that is looked at.
    """
    grid, blur = found[GRID], rule.blur * seen.shrunk
    scores = smooth.enlarge(grid, *seen.size, blur=blur, mirrored=rule.mirrored)
    worst = _worst(grid, scores, rule, seen.area / share)
    whole = worst if standard is None else standardised(MapViews.of(scores, worst), standard)
    if SHOWN in found:
        scores = smooth.enlarge(found[SHOWN], *seen.size, blur=blur, mirrored=rule.mirrored)
    return np.pad(scores, seen.margins, mode="edge") if any(map(any, seen.margins)) else scores, whole


def _worst(grid: Floats, scores: Floats, rule: MapRule, inputs: float) -> float:
    """The score of the worst spot; `inputs` as of `image_score`."""
    if rule.image_score == "top1":
        return image_score(scores, inputs)
    if rule.image_score == "max":
        return float(grid.max())
    if rule.image_score == "highest":
        return float(scores.max())
    if rule.image_score == "patches":
        return image_score(grid, inputs)
    return highest_mean(scores, rule.square)


def highest_mean(scores: Floats, square: int) -> float:
    """The highest mean of a square that lies wholly in the map."""
    height, width = scores.shape
    side = (min(square, width), min(square, height))
    # The anchor is the square's upper left corner.
    means = cv2.blur(scores, side, anchor=(0, 0))[: height - side[1] + 1, : width - side[0] + 1]
    return float(means.max())


def judged(
    scores: Floats,
    score: float,
    limit: float | None,
    size: tuple[int, int],
    remark: str = "",
    *,
    same_unit: bool = True,
) -> Result:
    """What a limit says of a picture of (height, width).

    Args:
        scores: its map.
        score: its image score.
        limit: of image scores.
        size: of the picture.
        remark: what is odd about it.
        same_unit: whether the limit is in the unit of the map, whose regions above it are framed then.
    """
    said = decision(score, limit)
    boxes = boxes_of(scores, limit if same_unit else None, size, is_rejected=said == NOT_OK)
    return Result(score, said, scores, boxes, size=size, remark=remark)
