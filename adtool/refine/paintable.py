"""Normal images on their way to being painted on: what is costly about each is done once, not for each painting."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes
from adtool.core.dataset.types import Sample
from adtool.core.synthetic import defects
from adtool.core.synthetic.textures import Rng
from adtool.refine import synthetic_defects
from adtool.refine.synthetic_defects import PaintingSettings

FINER = 2  # times finer than it is seen suffices for a picture that is painted on, along each side
LEAST_PIXELS, MOST_PIXELS = 2**19, 2**24  # that suffice, whatever it is seen at
SPARED = 8  # times as many pixels as suffice are painted on as they are; more would take hours and gigabytes
LONGEST = 8192  # side, in pixels


class PaintableImages:
    """Normal images that are painted on many times; used from several threads.

    Args:
        samples: the images.
        side: of the network input that the painted ones are seen at, in pixels.
        folder: where smaller copies of large images lie meanwhile; whoever gives it removes it.
    """

    def __init__(self, samples: Sequence[Sample], side: int, folder: Path) -> None:
        self._samples = samples
        self._side = side
        self._folder = folder
        self._writing = Lock()
        self._copies: dict[int, Path] = {}
        self._parts: dict[int, Bytes] = {}  # packed: of an image where the part lies

    def draw(self, number: int, recipe: PaintingSettings, rng: Rng) -> tuple[Bytes, Bools]:
        """Paint on one of the images, or on a smaller copy of a large one; see `synthetic_defects.draw`.

        Raises:
            UnreadableImageError: it can't be read.
        """
        return synthetic_defects.draw(self._read(number), recipe, rng, lambda image: self._part(number, image))

    def _read(self, number: int) -> Bytes:
        if number in self._copies:
            return arrays.read_image(self._copies[number])
        sample = self._samples[number]
        image = arrays.read_image(sample.image, sample.reading)
        small = handy(image, self._side)
        if small is not image:
            self._keep(number, small)
        return small

    def _keep(self, number: int, small: Bytes) -> None:
        copy = self._folder / f"{number:06d}.png"
        with self._writing:  # two threads may have begun with the same image
            if number not in self._copies:
                arrays.write_png(copy, small)
                self._copies[number] = copy

    def _part(self, number: int, image: Bytes) -> Bools:
        """Where the part lies; that takes most of the time of painting."""
        if number not in self._parts:
            self._parts[number] = np.packbits(defects.find_part(image))
        shape = image.shape[:2]
        return np.unpackbits(self._parts[number], count=shape[0] * shape[1]).reshape(shape).astype(bool)


def handy(image: Bytes, side: int) -> Bytes:
    """The image, or a smaller one in its place where painting would take long for nothing: it is seen far smaller.

    Args:
        image: (H, W, 3).
        side: of the network input that it is seen at, in pixels.
    """
    height, width = image.shape[:2]
    enough = min(MOST_PIXELS, max(LEAST_PIXELS, (FINER * side) ** 2))
    if height * width <= min(MOST_PIXELS, SPARED * enough) and max(height, width) <= LONGEST:
        return image
    shrink = min(1.0, (enough / (height * width)) ** 0.5)
    size = tuple(min(LONGEST, max(1, int(one * shrink))) for one in (width, height))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
