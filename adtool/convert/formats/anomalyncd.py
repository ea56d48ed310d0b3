"""AnomalyNCD's tree of 8-bit maps: `<category>/<kind>/<image>.png`, one range of scores for a whole category.

Always PNG, also for JPEG images: AnomalyNCD's README keeps the image's own suffix, and a map stored as JPEG comes back
with ripples that its binarisation takes for defects.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adtool.convert.trees import Maps, Written, tail
from adtool.core import arrays, layout
from adtool.core.arrays import Bytes, Floats
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError
from adtool.core.words import subject
from adtool_runtime.pictures import decoding

SOURCE = layout.MAPS
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # AnomalyNCD itself writes the image's own
LOSSY = (".jpg", ".jpeg")
TOP = 255


def write(source: Path, category: Category, out: Path) -> Written:
    """Write the maps of a category as grey PNG files."""
    maps = Maps.of(source, category)
    low, high = np.inf, -np.inf
    for _, scores in maps.each("range of"):
        low, high = min(low, float(scores.min())), max(high, float(scores.max()))
    for sample, scores in maps.each("8-bit maps of"):
        arrays.write_png(out / category.name / f"{tail(sample)}.png", to_grey(scores, low, high))
    return Written(len(maps.samples), {**maps.card(), "low": low, "high": high}, _warnings(maps))


def read(path: Path, card: Mapping[str, Any]) -> Floats:
    """The scores (h, w) of one file: in the range that the card holds, else the grey values.

    Deep pictures, which other tools may write, keep their own values.

    Raises:
        BadDataError: the picture is coloured.
    """
    header, image = decoding.decode(path, as_colours=True)
    if image.ndim == 2:  # noqa: PLR2004
        return image.astype(np.float32)
    if header.pages > 1:
        raise BadDataError(f"{path} has {header.pages} pages; a map has one. Export the one that counts.")
    grey = image[..., 0]
    if (image != grey[..., None]).any():
        raise BadDataError(f"{path} is a coloured picture, from which no scores can be read. Export grey maps.")
    if "low" not in card:
        return grey.astype(np.float32)
    return from_grey(grey, float(card["low"]), float(card["high"]))


def to_grey(scores: Floats, low: float, high: float) -> Bytes:
    """Scores as 0 to 255; cut off, not rounded (as in AnomalyNCD's README), so that only the highest is 255."""
    if high <= low:
        return np.zeros(scores.shape, np.uint8)
    return np.clip((scores.astype(np.float64) - low) / (high - low) * TOP, 0, TOP).astype(np.uint8)


def from_grey(grey: Bytes, low: float, high: float) -> Floats:
    """The middle of each grey value's range of scores, so that no score is off by more than half a step.

    It also makes the way there and back stable: what is read and written again has the same grey values.
    """
    middle = np.where(grey == TOP, TOP, grey.astype(np.float64) + 0.5)
    return (low + middle * ((high - low) / TOP)).astype(np.float32)


def _warnings(maps: Maps) -> list[str]:
    """AnomalyNCD's code lists images and maps of a kind, sorts both and joins them by position."""
    found, name = [], maps.category.name
    if maps.without:
        lacking = subject(len(maps.without), "test image", "has", "have")
        found.append(
            f"{name}: {lacking} no map ({maps.without[0].id}). AnomalyNCD pairs images and "
            "maps by position: leave these images out of its folder too."
        )
    by_image = sorted(maps.samples, key=lambda one: _sorted_as(one, one.image.suffix))
    if by_image != sorted(maps.samples, key=lambda one: _sorted_as(one, ".png")):
        found.append(
            f"{name}: sorted with .png the names stand in another order than those of the images, and AnomalyNCD pairs "
            "them by position. Give all images one suffix."
        )
    return found


def _sorted_as(sample: Sample, suffix: str) -> tuple[str, str]:
    kind, _, rest = tail(sample).partition("/")
    return kind, f"{rest}{suffix}"
