"""Views of a crop: the same defect as it could have been seen, with its mask in the same geometry.

Source: AnomalyNCD's public code (`get_transform`). Difference: the random crop reaches every part of a picture that is
not square, the reference never sees the far end of its long side.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from adtool.core.arrays import Bytes, Floats
from adtool_runtime import images

MARGIN = 256 / 224  # a view is cut from a picture of this size, relative to the view
BRIGHTNESS = CONTRAST = (0.6, 1.4)
SATURATION = (0.6, 1.8)
SHARPNESS = (0.2, 2.0)
BLUR_SIGMA_PX = (0.1, 2.0)  # at the side below
BLUR_SIDE_PX = 224
BITS = (5, 8)
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
TOP = 255

Rng = np.random.Generator
View = tuple[Bytes, Floats]  # (side, side, 3), and the mask (side, side) in [0, 1]


def plain_view(image: Bytes, mask: Floats, side: int) -> View:
    """The whole crop at the network's size.

    Args:
        image: (H, W, 3).
        mask: (H, W) in [0, 1].
        side: of the square view, in pixels.
    """
    return images.resize(image, side, side), _resized(mask, side)


def centre_view(image: Bytes, mask: Floats, side: int) -> View:
    """The centre of the crop, as much as a random view sees of it; arguments as in `plain_view`."""
    large = round(side * MARGIN)
    pixels, inside = plain_view(image, mask, large)
    start = (large - side) // 2
    return pixels[start : start + side, start : start + side], inside[start : start + side, start : start + side]


WHOLE, CENTRE = "whole", "centre"
TEST_VIEWS = {WHOLE: plain_view, CENTRE: centre_view}


def random_view(image: Bytes, mask: Floats, side: int, rng: Rng) -> View:
    """A part of the crop, turned, mirrored, and under another light; arguments as in `plain_view`."""
    large = round(side * MARGIN)
    pixels, inside = plain_view(image, mask, large)
    y, x = (int(start) for start in rng.integers(0, large - side + 1, 2))
    pixels, inside = pixels[y : y + side, x : x + side], inside[y : y + side, x : x + side]
    if rng.random() < 0.5:  # noqa: PLR2004
        pixels, inside = pixels[:, ::-1], inside[:, ::-1]
    if rng.random() < 0.5:  # noqa: PLR2004
        pixels, inside = pixels[::-1], inside[::-1]
    turns = int(rng.integers(4))
    pixels, inside = np.rot90(pixels, turns), np.rot90(inside, turns)
    return relight(np.ascontiguousarray(pixels), rng), np.ascontiguousarray(inside)


def relight(image: Bytes, rng: Rng) -> Bytes:
    """Other brightness, contrast, saturation, sharpness, blur and depth; (H, W, 3) -> the same."""
    pixels = image.astype(np.float32) * np.float32(rng.uniform(*BRIGHTNESS))
    pixels = pixels.clip(0, TOP)
    pixels = _blend(pixels, float((pixels @ GREY_WEIGHTS).mean()), rng.uniform(*CONTRAST))
    pixels = _blend(pixels, (pixels @ GREY_WEIGHTS)[..., None], rng.uniform(*SATURATION))
    pixels = _blend(pixels, cv2.blur(pixels, (3, 3)), rng.uniform(*SHARPNESS))
    sigma = rng.uniform(*BLUR_SIGMA_PX) * image.shape[0] / BLUR_SIDE_PX
    blurred = np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(sigma, 0.05)))
    step = 2 ** (8 - int(rng.integers(BITS[0], BITS[1] + 1)))
    levels: Bytes = np.rint(blurred).astype(np.uint8) // step * step
    return levels


def _blend(pixels: Floats, other: npt.NDArray[Any] | float, share: float) -> Floats:
    """`share` of the pixels and the rest of the other; beyond 1 it leads away from it."""
    mixed = np.float32(share) * pixels + np.float32(1 - share) * np.asarray(other, np.float32)
    return np.asarray(mixed.clip(0, TOP), np.float32)


def _resized(mask: Floats, side: int) -> Floats:
    shrinks = min(mask.shape) >= side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (side, side), interpolation=method), np.float32)
