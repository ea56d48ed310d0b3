"""Boxes around the regions of a map that are above a limit."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from adtool_runtime.cells import BOX_COLUMNS
from adtool_runtime.image_scores import Floats

STANDS_OUT = 0.01  # share of a map whose highest region is framed where nothing of it is above the limit


@dataclass(frozen=True)
class Box:
    """A region of a map, in pixels of the picture as it is shown (turned by its tag).

    Attributes:
        x: of its left edge.
        y: of its upper edge.
        width: of it.
        height: of it.
        score: highest of the map in it.
        area_px: of the region, which fills a part of its box.
    """

    x: int
    y: int
    width: int
    height: int
    score: float
    area_px: int

    def as_dict(self) -> dict[str, float]:
        """For JSON, and as a row of a table of boxes."""
        return {name: getattr(self, name) for name in BOX_COLUMNS}


def boxes_of(
    scores: Floats, limit: float | None, size: tuple[int, int], *, is_rejected: bool = False
) -> tuple[Box, ...]:
    """Regions of a map above a limit, in pixels of a picture of (height, width), the highest first.

    Args:
        scores: (h, w).
        limit: of image scores, in the unit of the map; None where it has no such limit.
        size: (height, width) of the picture.
        is_rejected: whether the picture is NOK. It may be as a whole, or for places that are unusual there alone, while
            no pixel is above the limit: the region of its highest 1 % that holds the highest is framed then.
    """
    if limit is not None and (scores > limit).any():
        return _framed(scores, scores > limit, size)
    if not is_rejected:
        return ()
    return _framed(scores, scores >= np.quantile(scores, 1 - STANDS_OUT), size)[:1]


def _framed(scores: Floats, inside: npt.NDArray[np.bool_], size: tuple[int, int]) -> tuple[Box, ...]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    down, right = size[0] / scores.shape[0], size[1] / scores.shape[1]
    found = []
    for number in range(1, count):
        x, y, width, height, area = (int(one) for one in stats[number])
        own = labels[y : y + height, x : x + width] == number
        highest = float(scores[y : y + height, x : x + width][own].max())
        left, top = math.floor(x * right), math.floor(y * down)
        ends = min(size[1], math.ceil((x + width) * right)), min(size[0], math.ceil((y + height) * down))
        found.append(Box(left, top, ends[0] - left, ends[1] - top, highest, max(1, round(area * right * down))))
    return tuple(sorted(found, key=lambda one: -one.score))
