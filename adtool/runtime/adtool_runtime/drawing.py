"""Small pictures of images, masks, maps and what was found, for people to look at."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from adtool_runtime.boxes import Box
from adtool_runtime.errors import BadDataError
from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes

# Cyan with a black rim: seen on grey, on dark and on the heat colours, and with any colour vision.
OUTLINE = (0, 225, 255)
RIM = (0, 0, 0)
LOWEST_HEAT = 70  # of 255: the colours below are too dark to be told from the image
MOST_OPAQUE = 0.8
LEVELS = 255  # of heat, above none
FULL_HEAT = 1.25  # times the way from an ordinary score to the limit of good parts
QUALITY_OF = {"WebP": cv2.IMWRITE_WEBP_QUALITY, "JPEG": cv2.IMWRITE_JPEG_QUALITY}

SIDE, CAPTION, GAP, QUALITY = 512, 28, 6, 88  # of an overlay: pixels; of JPEG
LEAST_WIDTH = 240  # of the caption
ROOM = 3  # pixels between a region and its box
WHITE, BLACK = 255, (0, 0, 0)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ColourScale:
    """The scores that are drawn as no heat and as full heat; one for all pictures that are compared."""

    low: float
    high: float


def shrink(image: Bytes, side: int) -> Bytes:
    """Shrink so that the longer side has `side` pixels; a smaller image stays as it is."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def outline(image: Bytes, mask: Bools) -> Bytes:
    """Draw the border of a mask on an image of any size; (H, W, 3) and (h, w) -> (H, W, 3)."""
    height, width = image.shape[:2]
    # The largest value of each area, so that a thin scratch does not vanish.
    step = max(1, math.ceil(mask.shape[0] / height), math.ceil(mask.shape[1] / width))
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((step, step), np.uint8))
    small = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST)
    borders, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = image.copy()
    cv2.drawContours(drawn, borders, -1, RIM, 5)
    cv2.drawContours(drawn, borders, -1, OUTLINE, 2)
    return drawn


def heat(image: Bytes, scores: Floats, scale: ColourScale) -> Bytes:
    """Lay a map over the image in grey: the higher the score, the brighter and the less of the image is seen.

    Args:
        image: (H, W, 3) uint8.
        scores: (h, w) raw scores, resized to the image.
        scale: which scores are drawn as no heat and as full heat.
    """
    spread = max(scale.high - scale.low, float(np.finfo(np.float32).eps) * max(1.0, abs(scale.low)))
    raised = _resized(scores, image.shape[0], image.shape[1]).astype(np.float32) - np.float32(scale.low)
    levels = (np.clip(raised / np.float32(spread), 0, 1) * LEVELS).astype(np.uint16)
    return _heat_colours().take(levels * 256 + cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), axis=0)


def _resized(scores: Floats, height: int, width: int) -> Floats:
    if scores.shape == (height, width):
        return scores
    return np.asarray(cv2.resize(scores, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


@cache
def _heat_colours() -> Bytes:
    """Colours by level of heat and grey value of the image, (256 * 256, 3)."""
    level = np.arange(LEVELS + 1) / LEVELS
    steps = (LOWEST_HEAT + level * (255 - LOWEST_HEAT)).astype(np.uint8)
    # Inferno rises evenly in lightness, so it reads in grey print and with any colour vision.
    colours = cv2.cvtColor(cv2.applyColorMap(steps[:, None], cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)  # (256, 1, 3)
    share = (MOST_OPAQUE * np.minimum(level * 2, 1))[:, None, None]
    grey = np.arange(256)[None, :, None]
    return np.asarray(grey * (1 - share) + colours * share, dtype=np.uint8).reshape(-1, 3)


def encode(image: Bytes, quality: int, kind: Literal["WebP", "JPEG"] = "WebP") -> bytes:
    """Encode (H, W, 3) RGB uint8 with a quality from 1 to 100.

    Raises:
        BadDataError: the picture can't be encoded.
    """
    done, data = cv2.imencode(f".{kind.lower()}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [QUALITY_OF[kind], quality])
    if not done:
        raise BadDataError(f"An image of shape {image.shape} can't be written as {kind}.")
    return data.tobytes()


def frame(image: Bytes, boxes: Iterable[Box], size: tuple[int, int]) -> Bytes:
    """Draw boxes on an image, which is a picture of (height, width) that may have been shrunk."""
    down, right = image.shape[0] / size[0], image.shape[1] / size[1]
    corners = [
        (
            (max(0, math.floor(one.x * right) - ROOM), max(0, math.floor(one.y * down) - ROOM)),
            (
                min(image.shape[1], math.ceil((one.x + one.width) * right) + ROOM) - 1,
                min(image.shape[0], math.ceil((one.y + one.height) * down) + ROOM) - 1,
            ),
        )
        for one in boxes
    ]
    drawn = image.copy()
    for colour, thick in ((RIM, 4), (OUTLINE, 2)):  # all rims first, so that none lies over a line
        for upper, lower in corners:
            cv2.rectangle(drawn, upper, lower, colour, thick)
    return drawn


def caption(score: float, decision: str, limit: float | None, *more: str) -> str:
    """The line above an overlay: the image score beside the limit, what is decided, and what else there is to say."""
    beside = "" if limit is None else f" (limit {limit:.4g})"
    return "  ".join(part for part in (f"{score:.4g}{beside}", decision, *more) if part)


def overlay(
    picture: Bytes,
    scores: Floats,
    scale: ColourScale,
    boxes: Iterable[Box] = (),
    text: str = "",
    mask: Bools | None = None,
) -> Bytes:
    """A picture beside its map, both with the boxes of what was found, and a text above them.

    Args:
        picture: (H, W, 3) uint8, of any size.
        scores: (h, w) its map.
        scale: of the colours.
        boxes: in pixels of the picture.
        text: one line.
        mask: (h, w) predicted defect pixels, whose border is drawn on the map; None for none.
    """
    boxes = tuple(boxes)
    size = (picture.shape[0], picture.shape[1])
    image = shrink(picture, SIDE)
    drawn = heat(image, scores, scale)
    drawn = drawn if mask is None else outline(drawn, mask)
    axis = 1 if image.shape[0] >= image.shape[1] else 0
    gap = np.full((GAP, image.shape[1], 3) if axis == 0 else (image.shape[0], GAP, 3), WHITE, np.uint8)
    pair = np.concatenate([frame(image, boxes, size), gap, frame(drawn, boxes, size)], axis=axis)
    wide = np.pad(pair, ((0, 0), (0, max(0, LEAST_WIDTH - pair.shape[1])), (0, 0)), constant_values=WHITE)
    strip = np.full((CAPTION, wide.shape[1], 3), WHITE, np.uint8)
    cv2.putText(strip, text, (4, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, BLACK, 1, cv2.LINE_AA)
    return np.concatenate([strip, wide], axis=0)
