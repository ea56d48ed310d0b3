"""Normal images that show the same thing: bursts, frames of a video, tiles that were photographed more than once.

Left out one by one, each would be found again in its twin, and its score would say nothing of a new part. Compared is
the fine structure, without the light and without what all images of a category share: aligned parts share nearly
everything, and are no duplicates. Images that are less alike may still show the same surface, see `surfaces`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from adtool.core import arrays
from adtool.core.arrays import Bytes, UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.detection import looks, same_surface
from adtool.detection.looks import Look
from adtool.detection.same_surface import Detail
from adtool_runtime import parallel

SIDE = 96  # pixels that structures are compared at
LARGER = 384  # longer side in pixels that an image is looked at, if it is not smaller
FINE, LIGHT = 2.0, 20.0  # sigmas in its pixels then: what is finer is noise, what is coarser is light
COARSE = 4  # light is found so many times coarser, in a tenth of the time
ALIKE = 0.95  # mean correlation within a group; parts in the same pose reach 0.9, and new parts will be in it, too
SAME_SHAPE = 0.1  # difference of the logarithms of width / height
MOST_COMPARED = 4000  # at once: memory and time grow with the square. Twins mostly follow each other.


class Structure(NamedTuple):
    """What images are compared by.

    Attributes:
        values: the fine structure, (SIDE ** 2,), of mean 0.
        detail: what is finer than that, less reduced.
        shape: the logarithm of width / height.
        look: what light and camera made of it.
    """

    values: NDArray[np.float32]
    detail: Detail
    shape: float
    look: Look


def structure(image: Bytes) -> Structure:
    """The fine structure of an (H, W, 3) picture."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    factor = LARGER / max(height, width)
    if factor < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    size = tuple(max(1, side // COARSE) for side in grey.shape[::-1])
    coarse = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    light = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), LIGHT / COARSE), grey.shape[::-1])
    fine = cv2.GaussianBlur(grey, (0, 0), FINE) - light
    small = cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    detail = same_surface.detail(grey)
    return Structure(small - small.mean(), detail, float(np.log(width / height)), looks.look(image))


def groups(structures: Sequence[Structure]) -> list[int]:
    """The group of each image, numbered from 0 in the order in which they begin; most are alone in theirs."""
    return _numbered(structures, _alike)


def surfaces(structures: Sequence[Structure]) -> list[int]:
    """The same, where images that show the same surface in another light, or from a little beside, share one, too.

    No limit is made with these: whether a new part was photographed before, as these were, their images don't tell.
    """
    return _numbered(structures, _of_one_surface)


def of_images(samples: Sequence[Sample]) -> dict[Path, int]:
    """The group of each image by its file; one that can't be read is alone."""

    def look(one: Sample) -> Structure | None:
        try:
            return structure(arrays.read_image(one.image, one.reading))
        except UnreadableImageError:  # said by whoever learns from it
            return None

    seen = dict(zip((one.image for one in samples), parallel.each(look, samples), strict=True))
    readable = {name: one for name, one in seen.items() if one is not None}
    found = dict(zip(readable, groups(list(readable.values())), strict=True))
    alone = max(found.values(), default=-1) + 1
    return found | {name: alone + i for i, name in enumerate(name for name in seen if name not in found)}


def _numbered(structures: Sequence[Structure], grouped: Callable[[Sequence[Structure]], list[int]]) -> list[int]:
    """Groups of as many as are compared at once, numbered anew."""
    found: list[int] = []
    for start in range(0, len(structures), MOST_COMPARED):
        block = structures[start : start + MOST_COMPARED]
        first = max(found, default=-1) + 1
        numbers: dict[int, int] = {}
        found += [first + numbers.setdefault(one, len(numbers)) for one in (grouped(block) if len(block) > 1 else [0])]
    return found


def _alike(structures: Sequence[Structure]) -> list[int]:
    distance = 1 - _correlation(structures)
    return fcluster(linkage(squareform(distance, checks=False), "average"), 1 - ALIKE, "distance").tolist()


def _of_one_surface(structures: Sequence[Structure]) -> list[int]:
    """Images share a group where they do in one of the two ways, or both with a third one."""
    seen = same_surface.groups([one.detail for one in structures], _correlation(structures))
    firsts = [grouping.index(number) for grouping in (_alike(structures), seen) for number in grouping]
    count = len(structures)
    links = coo_array((np.ones(2 * count), ([*range(count), *range(count)], firsts)), (count, count))
    return connected_components(links, directed=False)[1].tolist()


def _correlation(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Of each pair, without what all share; -1 where they have another shape."""
    values = np.stack([one.values / max(float(np.linalg.norm(one.values)), 1e-9) for one in structures])
    own = values - values.mean(axis=0)
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    alike = np.clip(own @ own.T, -1, 1).astype(np.float64)
    shapes = np.array([one.shape for one in structures])
    alike[np.abs(shapes[:, None] - shapes) >= SAME_SHAPE] = -1
    alike = (alike + alike.T) / 2
    np.fill_diagonal(alike, 1)
    return alike
