"""The spot that a map points at, seen close up and turned.

What a network sees in a whole picture says little of a defect that covers one hundredth of it, and on parts that lie at
any angle it says more of the angle than of the defect. So the square around the spot is seen as well, large, and turned
all around: the mean of that says nothing of the angle.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool_runtime import images
from adtool_runtime.classes import pooling
from adtool_runtime.classes.vectors import Vectors, unit
from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes

# Chosen on screw, pill, MTD and generated data together: .4 of the side, and four turns, are worse.
SHARE = 0.2  # side of the square, of the picture's longer side
SIDE = 128  # of the network's input, in pixels
TURNS = 8  # all around
TENSORS = ("spots_scale", "spots_origin", "spots_axes")


@dataclass(frozen=True)
class Spots:
    """Vectors of the spots of some of N items: (M, D), of the items at `places`, (M,)."""

    vectors: Vectors
    places: NDArray[np.int64]


@dataclass(frozen=True)
class SpotAxes:
    """How spots become points; fitted once, then used for new images as well."""

    scale: Vectors  # (D,) of an anomaly's vector, so that each layer has the same weight
    origin: Vectors  # (D,) scaled vector of a normal image
    axes: Vectors  # (E, D) main axes of the scaled anomalies

    def directions(self, spots: Spots, count: int) -> Vectors:
        """Directions of the spots of `count` items, (count, E) of length 1; 0 for those that were not seen."""
        found = np.zeros((count, len(self.axes)))
        found[spots.places] = unit((spots.vectors / self.scale - self.origin) @ self.axes.T)
        return found

    def unreduced(self, spots: Spots, count: int) -> Vectors:
        """The same in all dimensions, (count, D): what is new does not lie on the main axes of what was there."""
        found = np.zeros((count, len(self.scale)))
        found[spots.places] = unit(spots.vectors / self.scale - self.origin)
        return found

    def tensors(self) -> dict[str, Vectors]:
        """To be kept with the classes."""
        return dict(zip(TENSORS, (self.scale, self.origin, self.axes), strict=True))

    @classmethod
    def stored(cls, tensors: Mapping[str, NDArray[Any]]) -> "SpotAxes | None":
        """From what `tensors` gave; None for classes that were found without."""
        if TENSORS[0] not in tensors:
            return None
        return cls(*(tensors[name].astype(np.float64) for name in TENSORS))


def turns(image: Bytes, guide: Floats, side: int) -> tuple[list[Bytes], list[Floats]]:
    """The square around the spot, turned all around.

    Args:
        image: (H, W, 3).
        guide: (h, w) of it.
        side: of what is given, in pixels.

    Returns:
        TURNS pictures (side, side, 3), and their guides (side, side). Beyond the picture lies its mirror image.
    """
    longer = max(image.shape[:2])
    unturned = math.ceil(side * math.sqrt(2))  # so that the corners are there at any angle
    across = SHARE * longer * unturned / side  # pixels of the picture
    place = middle(guide)
    pixels = _around(image, place, across, unturned)
    weights = _stretched(guide, place, (across / image.shape[0], across / image.shape[1]), unturned)
    centre = (unturned - 1) / 2
    found: tuple[list[Bytes], list[Floats]] = ([], [])
    for turn in range(TURNS):
        matrix = np.asarray(cv2.getRotationMatrix2D((centre, centre), 360 * turn / TURNS, 1), np.float64)
        matrix[:, 2] += (side - 1) / 2 - centre
        found[0].append(np.asarray(cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8))
        found[1].append(np.asarray(cv2.warpAffine(weights, matrix, (side, side), flags=cv2.INTER_LINEAR), np.float32))
    return found


def middle(guide: Floats) -> tuple[float, float]:
    """Where the spot lies, down and to the right, in shares of the picture.

    The mean place, by the weights of `pooling`, of what hangs together above the middle between the guide's median and
    its maximum, around the maximum.
    """
    half = (float(np.median(guide)) + float(guide.max())) / 2
    _, labels = cv2.connectedComponents((guide >= half).astype(np.uint8), connectivity=8)
    is_spot = labels == labels[np.unravel_index(guide.argmax(), guide.shape)]
    weights = np.exp(guide[is_spot].astype(np.float64) - float(guide.max()))
    down, right = (float(np.average(one + 0.5, weights=weights)) for one in np.nonzero(is_spot))
    return down / guide.shape[0], right / guide.shape[1]


def _around(image: Bytes, place: tuple[float, float], across: float, side: int) -> Bytes:
    """A square of an image, `across` pixels of it wide, at another size."""
    height, width = image.shape[:2]
    whole = max(1, round(across))
    top, left = (round(share * length - whole / 2) for share, length in zip(place, (height, width), strict=True))
    rows, columns = _mirrored(top, whole, height), _mirrored(left, whole, width)
    return images.resize(np.ascontiguousarray(image[rows[:, None], columns]), side, side)


def _mirrored(start: int, count: int, length: int) -> NDArray[np.int64]:
    """Places from `start` on, those beyond the ends mirrored there."""
    places = np.arange(start, start + count) % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)


def _stretched(guide: Floats, place: tuple[float, float], across: tuple[float, float], side: int) -> Floats:
    """The same square of a guide, which is smooth; `across` in shares of its height and width."""
    steps = (np.arange(side) + 0.5) / side - 0.5
    down, right = (
        ((share + steps * part) * length - 0.5).astype(np.float32)
        for share, part, length in zip(place, across, guide.shape, strict=True)
    )
    columns, rows = np.meshgrid(right, down)
    return np.asarray(cv2.remap(guide, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def pooled(layers: Sequence[Floats], guides: Sequence[Floats]) -> NDArray[np.float64]:
    """The vector of a spot, layers side by side, (D,).

    Args:
        layers: one (TURNS, C, h, w) array of tokens each.
        guides: of the turns.
    """
    found = []
    for layer in layers:
        every = [tokens.reshape(len(tokens), -1) @ pooling.weights(guide, *tokens.shape[-2:])
                 for tokens, guide in zip(layer, guides, strict=True)]  # fmt: skip
        found.append(np.mean(every, axis=0, dtype=np.float64))
    return np.concatenate(found)
