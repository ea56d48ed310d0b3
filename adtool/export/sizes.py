"""The size of a graph's inputs, one for all pictures: they are brought to a square, or must be alike.

Of a picture that is seen in tiles it is the size that it is brought to before it is cut.
"""

from collections.abc import Sequence

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection.frame import Frame
from adtool.nn.tiles import Cutter
from adtool_runtime import images

Size = tuple[int, int]  # (height, width) in pixels


def of_inputs(frame: Frame, samples: Sequence[Sample]) -> list[Size]:
    """The size of what each network of a frame sees, the first one's first.

    Raises:
        UsageError: the ratio of sides is kept, or they are cut into tiles, and they differ in it or in size.
    """
    frames = [frame, *([frame.beside] if frame.beside else [])]
    if frame.tiling is None and (frame.crop or not frame.needs.keep_aspect):
        return [(one.input_px, one.input_px) for one in frames]
    sizes = {arrays.image_size(one.image, one.reading): one for one in samples}
    return [_only(one, sizes) for one in frames]


def _only(frame: Frame, sizes: dict[Size, Sample]) -> Size:
    multiple, cutter = frame.backbone.multiple, frame.cutter
    if cutter is not None:
        return _only_cut(cutter, sizes)
    found = {images.fit(size, frame.image_size, multiple, keep_aspect=True): one for size, one in sizes.items()}
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise UsageError(
            "The model keeps the ratio of each picture's sides, a graph has one size, and these pictures differ: "
            f"{one.id} is seen at {first[1]} x {first[0]} px, {other.id} at {second[1]} x {second[0]}. Cut all to "
            "one size, or make maps with --set keep_aspect=false."
        )
    return next(iter(found))


def _only_cut(cutter: Cutter, sizes: dict[Size, Sample]) -> Size:
    found = {cutter.cut(size).size: (one, size) for size, one in sizes.items()}
    if len(found) > 1:
        (one, first), (other, second) = list(found.values())[:2]
        raise UsageError(
            "The model sees pictures in tiles, its graph puts those of one size together, and these pictures differ: "
            f"{one.id} has {first[1]} x {first[0]} px, {other.id} {second[1]} x {second[0]}. Cut all to one size, or "
            "make maps without --tile."
        )
    return next(iter(found))
