"""Images, masks and maps on disk as arrays."""

import errno
import io
import json
import logging
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, UnidentifiedImageError

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

MASK_THRESHOLD = 128
EIGHT_BIT_MAX = 255
SIXTEEN_BIT_STEP = 257  # 65535 / 255
TOP_SHARE = 0.01
IMAGE_SCORE_RULE = "mean of the top 1 % of pixels"

# What a decoder raises on damaged files, found by damaging files of every format at random.
DAMAGED = (SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
DAMAGED_MAP = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, struct.error)
NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)

log = logging.getLogger("adtool")


class UnreadableImageError(BadDataError):
    """The file is not an image that can be decoded."""


def read_image(path: Path) -> Bytes:
    """Decode an image of any mode to RGB, (H, W, 3) uint8.

    16-bit grey is divided by 257 (the full range maps to the full range, whatever the image holds, so that
    two images stay comparable); palette, CMYK and transparent images are converted, transparency is dropped.
    The orientation tag is ignored, as masks carry none.

    Raises:
        UnreadableImageError: empty, truncated, or not an image.
    """
    with _opened(path) as image:
        if image.mode.startswith("I") or image.mode == "F":
            return _from_deep(np.asarray(image), path)
        return np.array(image.convert("RGB"), dtype=np.uint8)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image file; what goes wrong with it becomes an error that names it."""
    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise MissingInputError(f"No image at {path}.") from None
    except (OSError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        reason = "the file is empty" if path.stat().st_size == 0 else reason
        raise UnreadableImageError(f"{path} can't be read as an image ({reason}). Replace or remove it.") from None


def _from_deep(values: npt.NDArray[np.generic], path: Path) -> Bytes:
    grey = values.astype(np.float64)
    if not np.isfinite(grey).all():
        raise UnreadableImageError(f"{path} holds NaN or infinite values. Replace or remove it.")
    if np.issubdtype(values.dtype, np.floating):
        grey = grey * EIGHT_BIT_MAX if grey.max(initial=0) <= 1 else grey
    else:
        grey = grey / SIXTEEN_BIT_STEP
    return np.repeat(np.clip(np.rint(grey), 0, EIGHT_BIT_MAX).astype(np.uint8)[..., None], 3, axis=2)


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) from the file's header.

    Raises:
        UnreadableImageError: not an image.
    """
    with _opened(path) as image:
        return image.height, image.width


def read_grey(path: Path) -> npt.NDArray[np.int64]:
    """A mask file's grey values, (H, W) int64.

    A deep mask that holds no value above 255 keeps its values (they number the defects), another one's full range
    becomes 0 to 255, so that the rules mean the same in both.

    Raises:
        UnreadableImageError: not an image.
    """
    with _opened(path) as image:
        if image.mode == "1":
            return np.asarray(image).astype(np.int64) * EIGHT_BIT_MAX
        if not image.mode.startswith("I"):
            return np.asarray(image if image.mode == "L" else image.convert("L")).astype(np.int64)
        values = np.asarray(image).astype(np.int64)
        return values if values.max(initial=0) <= EIGHT_BIT_MAX else values // SIXTEEN_BIT_STEP


def read_mask(path: Path, rule: str = "auto") -> Bools:
    """True defect pixels, (H, W) bool.

    Args:
        path: the mask file.
        rule: `auto`: grey >= 128 if the maximum is >= 128, else > 0; `ge128`; `gt0`; `half_max`: at least
            half of the mask's own maximum.
    """
    grey = read_grey(path)
    peak = int(grey.max(initial=0))
    if rule == "half_max":
        return 2 * grey >= max(peak, 1)
    if rule == "ge128" or (rule == "auto" and peak >= MASK_THRESHOLD):
        return grey >= MASK_THRESHOLD
    return grey > 0


def write_mask(path: Path, mask: Bools) -> None:
    """Write (H, W) bool as a 0/255 PNG."""
    write_png(path, mask.astype(np.uint8) * np.uint8(EIGHT_BIT_MAX))


def write_png(path: Path, image: Bytes) -> None:
    """Write (H, W) grey or (H, W, 3) RGB uint8 as PNG."""
    ordered = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # noqa: PLR2004
    done, data = cv2.imencode(".png", ordered)
    if not done:
        raise BadDataError(f"An image of shape {image.shape} can't be written as PNG to {path}.")
    files.write_bytes(path, data.tobytes())


def write_scores(path: Path, scores: Floats, image_score: float) -> None:
    """Write one map, float32 (H, W), with the image score in the TIFF's description.

    Raises:
        BadDataError: a score is NaN or infinite: no limit would ever be below it.
    """
    if not (np.isfinite(scores).all() and np.isfinite(image_score)):
        raise BadDataError(f"The scores for {path} are NaN or infinite, so nothing can be said of that image.")
    note = json.dumps({"image_score": float(image_score)})
    # In memory first: written straight to a full disk, numpy's error does not say that the disk is full.
    data = io.BytesIO()
    tifffile.imwrite(data, np.ascontiguousarray(scores, dtype=np.float32), description=note, metadata=None)
    files.write_bytes(path, data.getvalue())


@dataclass(frozen=True)
class ScoreMap:
    """A map as it was read."""

    scores: Floats
    image_score: float | None


def read_scores(path: Path) -> ScoreMap:
    """Read one map.

    Raises:
        MissingInputError: no such file.
        BadDataError: not a one-channel TIFF, or NaN or infinite scores, of its pixels or of the image.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            scores = page.asarray()
            note = page.description
    except FileNotFoundError:
        raise MissingInputError(f"No anomaly map at {path}. Run `adtool maps` for this category.") from None
    except (OSError, *DAMAGED_MAP) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        raise BadDataError(
            f"{path} can't be read as a map ({error}). Write it again with `adtool maps --force`."
        ) from None
    if scores.ndim != 2:  # noqa: PLR2004
        raise BadDataError(f"{path} has the shape {scores.shape}; a map has one channel, (height, width).")
    scores = np.ascontiguousarray(scores, dtype=np.float32)
    of_image = _image_score(note)
    if not (np.isfinite(scores).all() and np.isfinite(of_image or 0)):
        raise BadDataError(f"{path} holds NaN or infinite scores. Write it again with `adtool maps --force`.")
    return ScoreMap(scores, of_image)


def write_several(path: Path, arrays: Iterable[npt.NDArray[np.generic]]) -> None:
    """Write arrays behind each other into one file.

    Raises:
        BadDataError: a value is NaN or infinite.
    """
    arrays = list(arrays)
    if any(np.issubdtype(one.dtype, np.floating) and not np.isfinite(one).all() for one in arrays):
        raise BadDataError(f"What is to be kept in {path} is NaN or infinite: the network can't make numbers of it.")
    buffer = io.BytesIO()
    for array in arrays:
        np.save(buffer, array, allow_pickle=False)
    files.write_bytes(path, buffer.getvalue())


def read_several(path: Path, count: int) -> list[npt.NDArray[Any]]:
    """The first `count` arrays that `write_several` wrote.

    Raises:
        BadDataError: the file is damaged.
    """
    try:
        with path.open("rb") as file:
            return [np.load(file) for _ in range(count)]
    except (ValueError, EOFError):  # what numpy says of a file that ends too early
        raise BadDataError(f"{path} is damaged. Remove it, and it is made again.") from None


def written_scores(paths: Mapping[str, Path]) -> dict[str, float]:
    """Image scores of the maps that are there already, as an interrupted run leaves some.

    Args:
        paths: where the map of each id would be.
    """
    there = {one: read_scores(path).image_score for one, path in paths.items() if path.exists()}
    return {one: score for one, score in there.items() if score is not None}


def _image_score(note: str) -> float | None:
    try:
        return float(json.loads(note)["image_score"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def image_score(scores: Floats) -> float:
    """Mean of the top 1 % of pixels, at least one (notes: the rule of AnomalyDINO and Dinomaly)."""
    keep = max(1, int(TOP_SHARE * scores.size))
    return float(np.partition(scores, scores.size - keep, axis=None)[-keep:].mean(dtype=np.float64))


def resize_scores(scores: Floats, height: int, width: int) -> Floats:
    """Bilinear resize of a map to (height, width); the same size is returned as it is."""
    if scores.shape == (height, width):
        return scores
    return np.asarray(cv2.resize(scores, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
