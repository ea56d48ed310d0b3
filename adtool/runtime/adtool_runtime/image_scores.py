"""Image scores: of the worst spot, and by the standard of good parts; `adtool` learns that standard."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

TOP_SHARE = 0.01
PLACES = 32  # a side; smaller places see more noise, larger ones lose small defects
WORST_PLACES = 0.03  # share whose mean is taken
SHAPES = {"standard_places": (2, PLACES * PLACES), "standard_lines": (2, 2)}  # of what is stored, by name


def image_score(scores: Floats, inputs: float = 1.0) -> float:
    """Mean of the top 1 % of pixels, at least one (notes: the rule of AnomalyDINO and Dinomaly).

    Args:
        scores: (H, W).
        inputs: area of the image in inputs of a network; where that is several tiles, the share is of one of them, so
            that a defect weighs the same however large the image is around it.
    """
    keep = max(1, int(TOP_SHARE * scores.size / inputs))
    return float(np.partition(scores, scores.size - keep, axis=None)[-keep:].mean(dtype=np.float64))


@dataclass(frozen=True)
class MapViews:
    """What an image score is made from.

    Attributes:
        local: score of the worst spot.
        whole: mean of the map.
        places: (P,) the map on `PLACES` x `PLACES` places, whatever its size.
    """

    local: float
    whole: float
    places: Floats

    @classmethod
    def of(cls, scores: Floats, local: float | None = None) -> "MapViews":
        """Look at a map.

        Args:
            scores: (H, W).
            local: score of the worst spot; by default the mean of the top 1 %.
        """
        worst = image_score(scores) if local is None else local
        places = cv2.resize(scores, (PLACES, PLACES), interpolation=cv2.INTER_AREA).ravel()
        return cls(worst, float(scores.mean(dtype=np.float64)), np.asarray(places, dtype=np.float32))


@dataclass(frozen=True)
class Standard:
    """What is usual for good parts.

    Attributes:
        places: (2, P) mean and spread of each place.
        lines: (2, 2) from `place` and from `whole` to the scale of `local`: offset and slope of each.
    """

    places: Floats
    lines: Floats

    def score(self, views: MapViews) -> float:
        """The image score: of three views the most unusual."""
        return self.most_unusual(views, self.place(views))

    def place(self, views: MapViews) -> float:
        """How far the worst places lie above the mean of the same places on good parts, in units of their spread."""
        mean, spread = self.places.astype(np.float64)
        return worst_places((views.places - mean) / spread)

    def most_unusual(self, views: MapViews, place: float) -> float:
        """The score of an image whose `place` is known."""
        told = self.lines[:, 0] + self.lines[:, 1].astype(np.float64) * (place, views.whole)
        return max(views.local, *told.tolist())

    def as_arrays(self) -> dict[str, Floats]:
        """It as it is stored, by name."""
        return dict(zip(SHAPES, (self.places, self.lines), strict=True))


def standardised(views: MapViews, standard: Standard | None) -> float:
    """The image score; without a standard that of the worst spot."""
    return views.local if standard is None else standard.score(views)


def of_arrays(stored: Mapping[str, Floats]) -> Standard | None:
    """What `Standard.as_arrays` gave; None of a model that has none."""
    return Standard(*(stored[name] for name in SHAPES)) if SHAPES.keys() <= stored.keys() else None


def worst_places(unusual: Values) -> float:
    """Mean of the worst places of a map, (P,)."""
    keep = max(1, round(WORST_PLACES * unusual.size))
    return float(np.partition(unusual, unusual.size - keep)[-keep:].mean())
