"""Refinement that learns nothing: gaps are filled, what differs from around it counts more, edges are the picture's.

What is changed is found at SIDE x SIDE and added to the map, so that a finer map keeps its detail.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes
from adtool_runtime.refining.mixing import ScoreScale

SIDE = 256
WHITE = 255
LEAST_SPREAD = 0.02  # of grey values from 0 to 1: what differs by less is noise
MOST_APART = 3  # spreads, beyond which it does not matter how much darker or brighter something is


class FreeRule(Protocol):
    """How maps are refined; see `adtool list refine-free`. Lengths are in pixels at SIDE x SIDE."""

    @property
    def fill(self) -> bool:
        """Whether what is enclosed is filled."""

    @property
    def contrast(self) -> float:
        """How much what differs from around counts more."""

    @property
    def near(self) -> float:
        """Sigma of around."""

    @property
    def close(self) -> int:
        """Radius of gaps that are closed."""

    @property
    def follow(self) -> int:
        """Radius in which the map follows the picture."""

    @property
    def smooth(self) -> float:
        """Variance of the picture below which it does not."""


@dataclass(frozen=True)
class FreeFilter:
    """Refines maps of one category.

    Attributes:
        settings: how.
        scale: of the category's maps: zero is what most of them say, one what few places reach.
    """

    settings: FreeRule
    scale: ScoreScale

    def refined(self, given: Floats, picture: Bytes) -> Floats:
        """The refined map, in the unit of the given one.

        Args:
            given: (H, W) raw scores.
            picture: (h, w, 3), of any size.
        """
        before = self.scale.apply(_squeezed(given))
        grey = cv2.cvtColor(_squeezed(picture), cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(WHITE)
        after = self._by_parts(before, grey)
        change = (after - before) * np.float32(max(self.scale.one - self.scale.zero, 0))
        return np.asarray(given + cv2.resize(change, given.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def _by_parts(self, scores: Floats, grey: Floats) -> Floats:
        asked = self.settings
        if asked.contrast:
            scores = contrasted(scores, grey, asked.near, asked.contrast)
        if asked.close:
            scores = closed(scores, asked.close)
        if asked.fill:
            scores = filled(scores)
        if asked.follow:
            scores = guided(scores, grey, asked.follow, asked.smooth)
        return scores


def filled(scores: Floats) -> Floats:
    """What is enclosed by higher scores gets the lowest of the way out (reconstruction by erosion)."""
    level = np.full_like(scores, scores.max())
    level[[0, -1], :], level[:, [0, -1]] = scores[[0, -1], :], scores[:, [0, -1]]
    near = np.ones((3, 3), np.uint8)
    while True:
        lower = np.maximum(cv2.erode(level, near), scores)
        if np.array_equal(lower, level):
            return lower
        level = lower


def contrasted(scores: Floats, grey: Floats, near: float, strength: float) -> Floats:
    """High scores count more where the picture differs from what is around it, where scores are lower.

    Args:
        scores: (H, W), about 0 where there is nothing, about 1 where there may be something.
        grey: (H, W) the picture, 0 to 1.
        near: sigma of around, in pixels.
        strength: 0 changes nothing.
    """
    height = np.maximum(scores, 0)
    weight = 1 / (1 + height * height)
    whole = cv2.GaussianBlur(weight, (0, 0), near)
    apart = grey - cv2.GaussianBlur(weight * grey, (0, 0), near) / whole
    spread = np.sqrt(cv2.GaussianBlur(weight * apart * apart, (0, 0), near) / whole)
    apart = np.minimum(np.abs(apart) / (spread + np.float32(LEAST_SPREAD)), MOST_APART)
    return np.asarray(scores + np.float32(strength) * height * apart, np.float32)


def closed(scores: Floats, radius: int) -> Floats:
    """Gaps that are narrower than a disc are closed; (H, W) -> (H, W)."""
    side = 2 * radius + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(scores, cv2.MORPH_CLOSE, disc), np.float32)


def guided(scores: Floats, grey: Floats, radius: int, smooth: float) -> Floats:
    """The map as a locally linear function of the picture (guided image filtering: He, Sun, Tang, ECCV 2010).

    Args:
        scores: (H, W).
        grey: (H, W) the picture, 0 to 1.
        radius: of the squares in which it is linear, in pixels.
        smooth: variance of the picture below which a square counts as even.
    """
    side = 2 * radius + 1

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    light, middle = mean(grey), mean(scores)
    spread = mean(grey * grey) - light * light
    slope = (mean(grey * scores) - light * middle) / (spread + np.float32(smooth))
    return mean(slope) * grey + mean(middle - slope * light)


def _squeezed(array: NDArray[Any]) -> NDArray[Any]:
    shrinks = min(array.shape[:2]) > SIDE
    return cv2.resize(array, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
