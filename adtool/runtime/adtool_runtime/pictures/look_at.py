"""The part of the pictures to look at: a rectangle, or a mask; what lies outside is one grey before anything sees it.

It is noted as one text wherever the reading of pictures is noted: `x,y,width,height`, or `png:` and the mask itself as
a PNG of one bit in base64. So nothing hangs on a file that may go.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from adtool_runtime.errors import BadDataError

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Size = tuple[int, int]

RECTANGLE = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})")
MASK = "png:"
OUTSIDE = 127  # grey of what is not looked at
LARGEST_PX = 1 << 28  # of a mask
HALF = 0.5


@dataclass(frozen=True)
class LookAt:
    """The part to look at, by the text that it is noted as.

    Raises:
        BadDataError: it is no such text.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text.startswith(MASK):
            _mask(self.text)
        elif not _corners(self.text):
            raise BadDataError(
                f"look-at '{self.text[:40]}' is no x,y,width,height in whole pixels, with a width and a height above 0."
            )

    @classmethod
    def of_mask(cls, mask: Bools) -> "LookAt":
        """The part where a mask (H, W) is true.

        Raises:
            BadDataError: that is nowhere.
        """
        _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
        return cls(MASK + base64.b64encode(data.tobytes()).decode("ascii"))

    def __str__(self) -> str:
        if not self.text.startswith(MASK):
            return self.text
        mask = _mask(self.text)
        return f"a mask of {mask.shape[1]} x {mask.shape[0]} px ({mask.mean():.0%} inside)"

    def problem(self, size: Size) -> str:
        """Why it fits no picture of (height, width), empty if it does."""
        if self.text.startswith(MASK):
            height, width = _mask(self.text).shape
            # In proportion, up to the rounding of a side by a pixel.
            if abs(width * size[0] - height * size[1]) > max(width, height, *size):
                return f"{self} has other proportions than {size[1]} x {size[0]} px"
            return ""
        x, y, _, _ = _corners(self.text)
        return f"{self} lies outside of {size[1]} x {size[0]} px" if x >= size[1] or y >= size[0] else ""

    def inside(self, size: Size) -> Bools:
        """(H, W) whether each pixel of a picture of (height, width) is looked at; not to be changed.

        Raises:
            BadDataError: it fits no such picture.
        """
        if why := self.problem(size):
            raise BadDataError(f"The part to look at fits not every picture: {why}.")
        return _inside(self.text, size)

    def share(self, size: Size) -> float:
        """Share of a picture of (height, width) that is looked at."""
        return float(self.inside(size).mean())

    def on_map(self, size: Size, shape: Size) -> Bools:
        """The same on a map of (h, w) of a picture of (height, width): places that lie inside by half; at least one."""
        self.inside(size)
        return _on_map(self.text, size, shape)

    def shown(self, pixels: Bytes) -> Bytes:
        """A picture (H, W, 3) whose outside is grey."""
        inside = self.inside((pixels.shape[0], pixels.shape[1]))
        return np.where(inside[..., None], pixels, np.uint8(OUTSIDE))

    def only_inside(self, scores: npt.NDArray[np.float32], size: Size) -> npt.NDArray[np.float32]:
        """A map (h, w) of a picture of (height, width), whose outside has the lowest score of its inside."""
        inside = self.on_map(size, (scores.shape[0], scores.shape[1]))
        return np.where(inside, scores, scores[inside].min())


def _corners(text: str) -> tuple[int, ...]:
    """x, y, width and height; nothing of what is no rectangle."""
    found = RECTANGLE.fullmatch(text)
    numbers = tuple(map(int, found.groups())) if found else ()
    return numbers if numbers and numbers[2] and numbers[3] else ()


@lru_cache(maxsize=8)
def _mask(text: str) -> Bools:
    try:
        data = np.frombuffer(base64.b64decode(text.removeprefix(MASK), validate=True), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except (binascii.Error, ValueError, cv2.error):
        image = None
    if image is None or image.size > LARGEST_PX:
        raise BadDataError("look-at is no mask: what is noted of it is damaged.")
    mask = image > 0
    if not mask.any():
        raise BadDataError("The mask of what to look at is black: nothing would be looked at. Paint that white.")
    return np.asarray(mask)


@lru_cache(maxsize=64)
def _inside(text: str, size: Size) -> Bools:
    if text.startswith(MASK):
        mask = _mask(text)
        found = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
        inside = found if found.any() else np.ones(size, bool)  # of a picture so small that nothing of it is left
    else:
        x, y, width, height = _corners(text)
        inside = np.zeros(size, bool)
        inside[y : y + height, x : x + width] = True
    inside.flags.writeable = False
    return inside


@lru_cache(maxsize=64)
def _on_map(text: str, size: Size, shape: Size) -> Bools:
    share = cv2.resize(_inside(text, size).astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    inside = share >= min(HALF, float(share.max()))
    inside.flags.writeable = False
    return np.asarray(inside)
