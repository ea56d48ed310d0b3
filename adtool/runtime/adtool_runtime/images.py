"""Images on their way into a network: the size they get, resizing, and normalising."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Margins = tuple[tuple[int, int], tuple[int, int]]
NO_MARGINS: Margins = ((0, 0), (0, 0))


def fit(size: tuple[int, int], image_size: int, multiple: int, *, keep_aspect: bool = False) -> tuple[int, int]:
    """The (height, width) an image is resized to for a network.

    Args:
        size: (height, width) of the image, in pixels.
        image_size: side of a square input; with `keep_aspect`, the square root of the input's area, so that
            an elongated image costs what a square one does.
        multiple: both sides become multiples of it, at least one.
        keep_aspect: keep the ratio of the sides, up to rounding.
    """
    if not keep_aspect:
        side = rounded(image_size, multiple)
        return side, side
    height, width = size
    ratio = (height / width) ** 0.5
    return rounded(image_size * ratio, multiple), rounded(image_size / ratio, multiple)


def around_middle(size: tuple[int, int], image_size: int, crop: int, *, keep_aspect: bool) -> tuple[int, int]:
    """The (height, width) an image is resized to, of whose middle a network sees a square.

    Args:
        size: (height, width) of the image, in pixels.
        image_size: both sides get it; with `keep_aspect`, the shorter one.
        crop: side of the square.
        keep_aspect: keep the ratio of the sides.
    """
    if not keep_aspect:
        return image_size, image_size
    scale = image_size / min(size)
    return max(crop, round(size[0] * scale)), max(crop, round(size[1] * scale))


def middle(size: tuple[int, int], crop: int) -> tuple[slice, slice]:
    """The rows and columns of the square of side `crop` in the middle of an image of (height, width)."""
    rows, columns = (slice((side - crop) // 2, (side - crop) // 2 + crop) for side in size)
    return rows, columns


def prepare(
    image: npt.NDArray[np.uint8], height: int, width: int, mean: Sequence[float], std: Sequence[float]
) -> npt.NDArray[np.float32]:
    """An image as a network wants it.

    Args:
        image: (H, W, 3) uint8, RGB.
        height: the height it gets, in pixels.
        width: the width it gets.
        mean: per channel, for pixels in [0, 1].
        std: per channel.

    Returns:
        (3, height, width) float32, (pixel / 255 - mean) / std.
    """
    return normalised(resize(image, height, width), mean, std)


def normalised(image: npt.NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> npt.NDArray[np.float32]:
    """The pixels of an image as a network wants them: (height, width, 3) -> (3, height, width); see `prepare`."""
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    out = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for channel in range(3):  # plane by plane: one pass, and no transposed copy
        np.multiply(image[..., channel], scale[channel], out=out[channel])
        out[channel] -= shift[channel]
    return out


def resize(image: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """The image at another size, (H, W, 3) -> (height, width, 3): averaged when shrunk, bicubic when enlarged.

    Averaging over the covered pixels does not alias; an axis that is not shrunk is left to the bicubic pass.
    """
    if image.shape[0] > height or image.shape[1] > width:
        shrunk = (min(width, image.shape[1]), min(height, image.shape[0]))
        image = np.asarray(cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if image.shape[:2] != (height, width):
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return image


def rounded(side: float, multiple: int) -> int:
    """The multiple that is nearest to a side, at least one."""
    return max(1, round(side / multiple)) * multiple
