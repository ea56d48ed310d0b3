"""Small pictures of images, masks and maps, for people to look at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.errors import BadDataError

# Cyan with a black rim: seen on grey, on dark and on the heat colours, and with any colour vision.
OUTLINE = (0, 225, 255)
RIM = (0, 0, 0)
LOWEST_HEAT = 70  # of 255: the colours below are too dark to be told from the image
MOST_OPAQUE = 0.8
LEVELS = 255  # of heat, above none
LOOKED_AT = 40  # maps that the colours are chosen by
HIGHEST = 0.95  # quantile of the image scores
FULL_HEAT = 1.25  # times the way from an ordinary score to the limit of good parts
QUALITY_OF = {"WebP": cv2.IMWRITE_WEBP_QUALITY, "JPEG": cv2.IMWRITE_JPEG_QUALITY}

Item = TypeVar("Item")


@dataclass(frozen=True)
class ColourScale:
    """The scores that are drawn as no heat and as full heat; one for all pictures that are compared."""

    low: float
    high: float


def scale_of(
    items: Sequence[Item],
    scores_of: Callable[[Item], Floats],
    image_scores: Sequence[float] | None,
    limit: float | None,
) -> ColourScale:
    """Colours for the maps of a category: no heat at the middle of an ordinary map, full heat at the highest scores.

    Args:
        items: images that have a map.
        scores_of: reads the map of one.
        image_scores: of the same images; None if they are in another unit than the maps, as those of refined maps are
            that kept the scores they were given. The maps speak for themselves then.
        limit: the image score above which an image is rejected; it is never drawn as full heat.
    """
    maps = [scores_of(one) for one in items[:: max(1, len(items) // LOOKED_AT)]]
    low = float(np.median([np.median(one) for one in maps]))
    if image_scores is None:
        return ColourScale(low, float(np.quantile([arrays.image_score(one) for one in maps], HIGHEST)))
    # An image may be more unusual than its brightest pixel looks: for that place, or as a whole.
    brightest = float(np.quantile([one.max() for one in maps], HIGHEST))
    high = min(float(np.quantile(image_scores, HIGHEST)), brightest)
    return ColourScale(low, high if limit is None else max(high, low + FULL_HEAT * (limit - low)))


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
    raised = arrays.resize_scores(scores, *image.shape[:2]).astype(np.float32) - np.float32(scale.low)
    levels = (np.clip(raised / np.float32(spread), 0, 1) * LEVELS).astype(np.uint16)
    return _heat_colours().take(levels * 256 + cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), axis=0)


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
