"""The size of a graph's inputs, one for all pictures: they are brought to a square, or must be alike."""

from collections.abc import Sequence

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection.frame import Frame
from adtool_runtime import images

Size = tuple[int, int]  # (height, width) in pixels


def of_inputs(frame: Frame, samples: Sequence[Sample]) -> list[Size]:
    """The size of what each network of a frame sees, the first one's first.

    Raises:
        UsageError: the ratio of sides is kept, and pictures differ in it.
    """
    frames = [frame, *([frame.beside] if frame.beside else [])]
    if frame.crop or not frame.needs.keep_aspect:
        return [(one.input_px, one.input_px) for one in frames]
    sizes = {arrays.image_size(one.image, one.reading): one for one in samples}
    return [_only(one, sizes) for one in frames]


def _only(frame: Frame, sizes: dict[Size, Sample]) -> Size:
    multiple = frame.backbone.multiple
    found = {images.fit(size, frame.image_size, multiple, keep_aspect=True): one for size, one in sizes.items()}
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise UsageError(
            "The model keeps the ratio of each picture's sides, a graph has one size, and these pictures differ: "
            f"{one.id} is seen at {first[1]} x {first[0]} px, {other.id} at {second[1]} x {second[0]}. Cut all to "
            "one size, or make maps with --set keep_aspect=false."
        )
    return next(iter(found))
