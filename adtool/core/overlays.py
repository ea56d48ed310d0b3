"""Writing pictures beside their maps, whoever draws them."""

from collections.abc import Callable, Sequence

from adtool.core import files, progress
from adtool.core.dataset.types import Sample
from adtool.core.overlays_folder import OverlaysFolder
from adtool_runtime import parallel
from adtool_runtime.boxes import Box


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
