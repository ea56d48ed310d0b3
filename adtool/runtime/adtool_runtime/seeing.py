"""How a network sees a picture: brought to the size of its input, or the middle of it, and normalised."""

from dataclasses import dataclass

import numpy as np

from adtool_runtime import images
from adtool_runtime.errors import BadDataError
from adtool_runtime.images import NO_MARGINS, Bytes, Floats, Margins
from adtool_runtime.manifest import InputForm


@dataclass(frozen=True)
class SeenPixels:
    """A picture as it goes into a graph.

    Attributes:
        pixels: (1, 3, h, w) normalised.
        size: (height, width) of the map that is made of it.
        margins: pixels of the map above and below, left and right of it, of which the network sees nothing.
    """

    pixels: Floats
    size: tuple[int, int]
    margins: Margins = NO_MARGINS


def seen(image: Bytes, how: InputForm, where: str) -> SeenPixels:
    """A picture as a network sees it.

    Args:
        image: (H, W, 3) uint8, RGB.
        how: the network's input.
        where: the picture lies, for messages.

    Raises:
        BadDataError: its sides have another ratio than the graph was made for.
    """
    size = (image.shape[0], image.shape[1])
    if how.crop:
        return _middle(image, how)
    height, width = images.fit(size, how.image_size, how.multiple, keep_aspect=how.keep_aspect)
    if how.height and (height, width) != (how.height, how.width):
        raise BadDataError(
            f"{where} has {size[1]} x {size[0]} px, which would be seen at {width} x {height}. This export keeps the "
            f"ratio of sides, and its graph is for pictures that are seen at {how.width} x {how.height}: give pictures "
            "of that ratio."
        )
    pixels = images.prepare(image, height, width, how.mean, how.std)
    return SeenPixels(pixels[None], (height, width))


def _middle(image: Bytes, how: InputForm) -> SeenPixels:
    whole = images.around_middle(
        (image.shape[0], image.shape[1]), how.image_size, how.crop, keep_aspect=how.keep_aspect
    )
    rows, columns = images.middle(whole, how.crop)
    margins = ((rows.start, whole[0] - rows.stop), (columns.start, whole[1] - columns.stop))
    pixels = images.normalised(images.resize(image, *whole)[rows, columns], how.mean, how.std)
    return SeenPixels(np.ascontiguousarray(pixels)[None], (how.crop, how.crop), margins)
