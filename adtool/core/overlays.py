"""Writing pictures beside their maps, whoever draws them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adtool.core import files, progress
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.overlays_folder import OverlaysFolder
from adtool_runtime import drawing, parallel
from adtool_runtime.boxes import Box, boxes_of
from adtool_runtime.drawing import ColourScale


@dataclass(frozen=True)
class Told:
    """What is told of an image: the line above it, and whether it is NOK."""

    text: str
    is_rejected: bool


def drawn(
    picture: Bytes, scores: Floats, told: Told, scale: ColourScale, limit: float | None, outline: Bools | None = None
) -> tuple[bytes, tuple[Box, ...]]:
    """A picture beside its map as a JPEG, and the boxes in it.

    Args:
        picture: (h, w, 3).
        scores: (H, W), its map.
        told: above it.
        scale: of the colours.
        limit: above which regions are framed; None where the limit is of another unit than the map.
        outline: predicted defect pixels, at any size; None where nothing was looked for.
    """
    boxes = boxes_of(scores, limit, (picture.shape[0], picture.shape[1]), is_rejected=told.is_rejected)
    made = drawing.overlay(picture, scores, scale, boxes, told.text, outline)
    return drawing.encode(made, drawing.QUALITY, "JPEG"), boxes


def write(
    place: OverlaysFolder,
    samples: Sequence[Sample],
    drawn: Callable[[Sample], tuple[bytes, tuple[Box, ...]]],
    label: str,
) -> dict[str, tuple[Box, ...]]:
    """Write what is drawn of images, several at a time.

    Args:
        place: their folder.
        samples: the images.
        drawn: gives a file's bytes, and the boxes in it.
        label: of the progress bar.

    Returns:
        The boxes, by id.
    """
    found = {}
    with progress.bar(label, len(samples)) as bar:
        for one, (data, boxes) in parallel.prefetch(samples, drawn):
            files.write_bytes(place.picture(one.id), data)
            found[one.id] = boxes
            bar.advance(1)
    return found
