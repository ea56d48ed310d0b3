"""Images on their way into a network: the size they get, resizing, normalising, and loading ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from adtool.nn import device as machine

MOST_WORKERS = 16  # each may hold an image of the largest size while it decodes

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


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
        side = _rounded(image_size, multiple)
        return side, side
    height, width = size
    ratio = (height / width) ** 0.5
    return _rounded(image_size * ratio, multiple), _rounded(image_size / ratio, multiple)


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
    small = resize(image, height, width)
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    out = np.empty((3, height, width), dtype=np.float32)
    for channel in range(3):  # plane by plane: one pass, and no transposed copy
        np.multiply(small[..., channel], scale[channel], out=out[channel])
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


def prefetch(
    items: Iterable[Item], load: Callable[[Item], Loaded], workers: int | None = None, ahead: int = 16
) -> Iterator[tuple[Item, Loaded]]:
    """Load items in threads, and yield them in their order.

    Args:
        items: what to load; taken only as far as loading is ahead.
        load: called in a thread. What it raises is raised here, when its item's turn comes.
        workers: threads, since decoding and resizing of images run beside each other; by default one for each core.
        ahead: how many items are loaded or being loaded at most, which bounds memory; at least two for each thread.
    """
    workers = workers or min(machine.core_count(), MOST_WORKERS)
    ahead = max(ahead, 2 * workers)
    source = iter(items)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="load") as pool:
        begun: deque[tuple[Item, Future[Loaded]]] = deque()
        try:
            while True:
                while len(begun) < ahead:
                    try:
                        item = next(source)
                    except StopIteration:
                        break
                    begun.append((item, pool.submit(load, item)))
                if not begun:
                    return
                item, future = begun.popleft()
                yield item, future.result()
        finally:  # a consumer that stops early need not wait for what it will not use
            for _, future in begun:
                future.cancel()


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple
