"""A picture of each new image with its map, what was found, and its class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adtool.core import arrays, overlays
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.layout import InspectedFolder
from adtool.core.overlays import Told as Told
from adtool_runtime.boxes import Box
from adtool_runtime.drawing import ColourScale


@dataclass(frozen=True)
class Overlays:
    """Draws overlays of one look.

    Attributes:
        folder: where they are written.
        scores_of: map of an image.
        outline_of: predicted defect pixels of an image, at any size; None where nothing was looked for.
        scale: of the colours.
        limit: above which regions are framed; None where the limit is of another unit than the maps.
        sees: called with each picture, in the thread that decoded it.
    """

    folder: InspectedFolder
    scores_of: Callable[[Sample], Floats]
    outline_of: Callable[[Sample], Bools | None]
    scale: ColourScale
    limit: float | None
    sees: Callable[[Sample, Bytes], None]

    def write(self, samples: Sequence[Sample], told: Mapping[str, Told]) -> dict[str, tuple[Box, ...]]:
        """Write the overlays of images, with what is told of each above it; the boxes, by id."""

        def draw(one: Sample) -> tuple[bytes, tuple[Box, ...]]:
            return self._drawn(one, told[one.id])

        return overlays.write(self.folder.overlays, samples, draw, "overlays")

    def _drawn(self, one: Sample, told: Told) -> tuple[bytes, tuple[Box, ...]]:
        picture = arrays.read_image(one.image, one.reading)
        self.sees(one, picture)
        return overlays.drawn(picture, self.scores_of(one), told, self.scale, self.limit, self.outline_of(one))
