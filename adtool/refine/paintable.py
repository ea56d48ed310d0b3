"""Normal images on their way to being painted on: what is costly about each is done once, not for each painting."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes
from adtool.core.dataset.types import Sample
from adtool.core.synthetic import defects
from adtool.core.synthetic.textures import Rng
from adtool.refine import synthetic_defects
from adtool.refine.synthetic_defects import PaintingSettings


class PaintableImages:
    """Normal images that are painted on many times; used from several threads.

    Args:
        samples: the images.
        side: of the network input that the painted ones are seen at, in pixels; None where they are seen in tiles, at
            their own size.
        folder: where smaller copies of large images lie meanwhile; whoever gives it removes it.
    """

    def __init__(self, samples: Sequence[Sample], side: int | None, folder: Path) -> None:
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
        small = image if self._side is None else defects.handy(image, self._side)
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
            find_part = defects.find_part_coarsely if self._side is None else defects.find_part
            self._parts[number] = np.packbits(self._looked_at(number, find_part(image)))
        shape = image.shape[:2]
        return np.unpackbits(self._parts[number], count=shape[0] * shape[1]).reshape(shape).astype(bool)

    def _looked_at(self, number: int, part: Bools) -> Bools:
        """What of the part is looked at; all that is looked at where the part lies elsewhere."""
        one = self._samples[number]
        if one.reading.look_at is None:
            return part
        inside = one.reading.look_at.on_map(arrays.image_size(one.image, one.reading), (part.shape[0], part.shape[1]))
        return part & inside if (part & inside).any() else inside
