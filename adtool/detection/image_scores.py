"""Image scores that see local and spread-out defects: three views of a map, each by the standard of good parts.

The mean of a map's top 1 % sees a small defect and hardly one that is faint and everywhere, the mean of the whole map
the other way round, and neither sees what would be ordinary elsewhere on the part. So a map is looked at in three ways:

* `local`: the mean of the top 1 %, or whatever else a detector makes of the worst spot;
* `place`: the worst places, each compared with the same place on good parts;
* `whole`: the mean of the whole map.

How far each lies from the middle of good parts, in units of their spread, says how unusual it is, and the most unusual
one is the image score. It is told on the scale of `local`: the score is what that would have to be to be as unusual. So
it keeps the unit of the map, and of a map with nothing but a worst spot it is `local` itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Floats
from adtool_runtime.image_scores import PLACES as PLACES
from adtool_runtime.image_scores import SHAPES as SHAPES
from adtool_runtime.image_scores import MapViews as MapViews
from adtool_runtime.image_scores import Standard as Standard
from adtool_runtime.image_scores import of_arrays as of_arrays
from adtool_runtime.image_scores import standardised as standardised
from adtool_runtime.image_scores import worst_places

MIN_NORMALS = 5  # fewer good parts set no standard
USUAL_IMAGES = 10  # the spread of a place counts as if so many images had the spread of an average place
UPPER, UPPER_SIGMAS = 0.9, 1.2816  # quantile by which a spread is measured, and where it lies in a normal distribution
LEAST_SPREAD = 1e-3  # times the level: good parts that are all but the same do not make everything else unusual
TINY = 1e-12
WORDS = "or what is as unusual for a good part: of a place by its own standard, or of the whole map"

Values = NDArray[np.float64]


def learn(normals: Sequence[MapViews], groups: Sequence[object] | None = None) -> tuple[Standard | None, list[float]]:
    """The standard of good parts, and their own image scores.

    Args:
        normals: of maps by models that did not learn from the image.
        groups: of near duplicates, one for each; an image is never compared with those of its own group.

    Returns:
        The standard, None if there are too few images or they are all the same; and what it says of each of them, where
        it would not know the image (and its group).
    """
    member = members(normals, groups)
    usual = usual_places(normals, member)
    if usual is None:
        return None, [one.local for one in normals]
    places, place = usual
    size = np.bincount(member)
    views = (place, [one.whole for one in normals], [one.local for one in normals])
    *others, local = (np.bincount(member, np.asarray(view)) / size for view in views)
    standard = Standard(places, np.array([_line(view, local) for view in others], dtype=np.float32))
    return standard, [standard.most_unusual(one, z) for one, z in zip(normals, place.tolist(), strict=True)]


def members(normals: Sequence[MapViews], groups: Sequence[object] | None) -> NDArray[np.int64]:
    """The group of each image, numbered from 0; without groups each is alone."""
    names = [str(one) for one in groups] if groups else np.arange(len(normals))
    return np.unique(names, return_inverse=True)[1]


def usual_places(normals: Sequence[MapViews], member: NDArray[np.int64]) -> tuple[Floats, Values] | None:
    """What is usual for each place, and how unusual the worst ones of each image are by what other groups show.

    Returns:
        `Standard.places` and (N,); None if there are too few images or they are all the same.
    """
    size = np.bincount(member)
    if len(size) < MIN_NORMALS:
        return None
    places = np.stack([one.places for one in normals]).astype(np.float64)  # (N, P)
    weight = (1 / size[member])[:, None]  # near duplicates count as one image
    sums = Sums(len(size), (weight * places).sum(axis=0), (weight * np.square(places)).sum(axis=0))
    # The middle one, since one odd part may vary more than all others together.
    usual = float(np.median(np.square(places - sums.total / sums.count).mean(axis=1)))
    if usual == 0:
        return None
    worst = np.zeros(len(normals))
    for group in range(len(size)):
        own = np.flatnonzero(member == group)
        mean, spread = sums.without(places[own]).mean_and_spread(usual)
        worst[own] = [worst_places((one - mean) / spread) for one in places[own]]
    return np.stack(sums.mean_and_spread(usual)).astype(np.float32), worst


@dataclass(frozen=True)
class Sums:
    """Of the places of good parts, (P,) each: so many images, their sum and that of their squares."""

    count: int
    total: Values
    squared: Values

    def without(self, group: Values) -> "Sums":
        """Those of the other images; `group` (n, P) counts as one."""
        mean, squared = group.mean(axis=0), np.square(group).mean(axis=0)
        return Sums(self.count - 1, self.total - mean, self.squared - squared)

    def mean_and_spread(self, usual: float) -> tuple[Values, Values]:
        """Of each place; `usual` is the variance of an average one."""
        mean = self.total / self.count
        variance = np.maximum(self.squared / self.count - np.square(mean), 0)
        return mean, np.sqrt((self.count * variance + USUAL_IMAGES * usual) / (self.count + USUAL_IMAGES))


def _line(view: Values, local: Values) -> tuple[float, float]:
    """From a view to the scale of `local`, so that the middle and the spread of good parts become the same."""
    middle, spread = _middle_and_spread(view)
    aim, width = _middle_and_spread(local)
    slope = width / max(spread, LEAST_SPREAD * abs(middle), TINY)
    return aim - slope * middle, slope


def _middle_and_spread(values: Values) -> tuple[float, float]:
    """Median, and the spread above it: scores of good parts are skewed, and one odd part is no spread."""
    middle, upper = np.quantile(values, [0.5, UPPER])
    return float(middle), float(upper - middle) / UPPER_SIGMAS
