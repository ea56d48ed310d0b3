"""A picture of each new image with its map, what was found, and its class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adtool.core import arrays, files, progress
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.layout import InspectedFolder
from adtool.report.pictures import ColourScale, encode, heat, outline, shrink
from adtool_runtime import parallel

SIDE, CAPTION, GAP, QUALITY = 512, 28, 6, 88  # pixels; of JPEG
LEAST_WIDTH = 240  # of the caption
WHITE, BLACK = 255, (0, 0, 0)


@dataclass(frozen=True)
class Overlays:
    """Draws overlays of one look.

    Attributes:
        folder: where they are written.
        scores_of: map of an image.
        outline_of: predicted defect pixels of an image, at any size; None where nothing was looked for.
        scale: of the colours.
        sees: called with each picture, in the thread that decoded it.
    """

    folder: InspectedFolder
    scores_of: Callable[[Sample], Floats]
    outline_of: Callable[[Sample], Bools | None]
    scale: ColourScale
    sees: Callable[[Sample, Bytes], None]

    def write(self, samples: Sequence[Sample], texts: Mapping[str, str]) -> None:
        """Write the overlays of images, with a text below each."""

        def draw(one: Sample) -> bytes:
            return encode(self._drawn(one, texts[one.id]), QUALITY, "JPEG")

        with progress.bar("overlays", len(samples)) as bar:
            for one, data in parallel.prefetch(samples, draw):
                files.write_bytes(self.folder.overlay(one.id), data)
                bar.advance(1)

    def _drawn(self, one: Sample, text: str) -> Bytes:
        picture = arrays.read_image(one.image, one.reading)
        self.sees(one, picture)
        image = shrink(picture, SIDE)
        drawn = heat(image, self.scores_of(one), self.scale)
        mask = self.outline_of(one)
        drawn = drawn if mask is None else outline(drawn, mask)
        axis = 1 if image.shape[0] >= image.shape[1] else 0
        gap = np.full((GAP, image.shape[1], 3) if axis == 0 else (image.shape[0], GAP, 3), WHITE, np.uint8)
        pair = np.concatenate([image, gap, drawn], axis=axis)
        wide = np.pad(pair, ((0, 0), (0, max(0, LEAST_WIDTH - pair.shape[1])), (0, 0)), constant_values=WHITE)
        strip = np.full((CAPTION, wide.shape[1], 3), WHITE, np.uint8)
        cv2.putText(strip, text, (4, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, BLACK, 1, cv2.LINE_AA)
        return np.concatenate([strip, wide], axis=0)
