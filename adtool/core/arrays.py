"""Maps on disk as arrays, and pictures that are written; reading those is a matter of `decoding` and `masks`."""

import io
import json
import math
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

from adtool.core import files, map_types
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError, NotFiniteMapError
from adtool.core.masks.mask_reader import Bools as Bools
from adtool.core.masks.mask_reader import read_mask as read_mask
from adtool.core.pictures import headers
from adtool_runtime.image_scores import Floats as Floats
from adtool_runtime.image_scores import image_score as image_score
from adtool_runtime.pictures.decoding import NOT_THE_FILES_FAULT
from adtool_runtime.pictures.decoding import UnreadableImageError as UnreadableImageError
from adtool_runtime.pictures.decoding import image_size as image_size
from adtool_runtime.pictures.decoding import read_image as read_image
from adtool_runtime.pictures.picture_file import Bytes as Bytes

EIGHT_BIT_MAX = 255
REAL = "biufO"  # kinds of numpy's types that are real numbers, or objects that may be
IMAGE_SCORE_RULE = "mean of the top 1 % of pixels"
TILED_SCORE_RULE = "mean of the top pixels, as many as are 1 % of a tile"

# What tifffile raises on damaged files, found by damaging files at random.
DAMAGED_MAP = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, struct.error)


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


def as_map(values: npt.ArrayLike, whose: str, error: type[AdtoolError] = BadDataError) -> Floats:
    """What somebody gives as a map, as float32 (H, W); it may hold NaN or infinity.

    Args:
        values: numbers of any type.
        whose: begins the sentence that says what is wrong.
        error: what is raised.

    Raises:
        AdtoolError: as asked for: that is no array of real numbers, or not (H, W), or empty.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind not in REAL:
            raise TypeError(f"its type is {given.dtype}")
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            scores = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError) as fault:  # the last of a tensor that is being trained
        raise error(f"{whose} is no array of numbers ({fault}).") from None
    if scores.ndim != 2 or 0 in scores.shape:  # noqa: PLR2004
        raise error(f"{whose} has the shape {scores.shape}; a map is (height, width).")
    return scores


def as_score(value: object, whose: str, error: type[AdtoolError] = BadDataError) -> float:
    """What somebody gives as an image score, as a number; it may be NaN or infinite.

    Args:
        value: of any type.
        whose: begins the sentence that says what is wrong.
        error: what is raised.

    Raises:
        AdtoolError: as asked for: it is not one real number.
    """
    try:
        given = np.asarray(value)
        if given.ndim == 0 and given.dtype.kind in REAL:
            return float(given)
        is_what = f"has the shape {given.shape}" if given.ndim else f"is {value!r}"
    except (TypeError, ValueError, RuntimeError) as fault:
        is_what = f"is no number ({fault})"
    raise error(f"{whose} {is_what}; an image score is one number.")


def write_scores(path: Path, scores: Floats, image_score: float) -> None:
    """Write one map, (H, W), with the image score in the TIFF's description; as float32 or as `map_types` says here.

    Raises:
        BadDataError: a score is NaN or infinite: no limit would ever be below it.
    """
    if not (np.isfinite(scores).all() and np.isfinite(image_score)):
        raise BadDataError(f"The scores for {path} are NaN or infinite, so nothing can be said of that image.")
    found = map_types.encoded(scores)
    scale = {} if found.scale == 1 else {map_types.SCALE: found.scale}
    note = json.dumps({"image_score": float(image_score), **scale})
    # In memory first: written straight to a full disk, numpy's error does not say that the disk is full.
    data = io.BytesIO()
    tifffile.imwrite(data, found.values, compression=found.compression, description=note, metadata=None)
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
    with _map_file(path) as tiff:
        page, pages = tiff.pages.first, len(tiff.pages)
        scores, note = page.asarray(), document_of(page.description)
    if pages > 1:
        raise BadDataError(
            f"{path} has {pages} pages or channels; a map has one. Write the one that counts, (height, width) float32."
        )
    if scores.ndim != 2:  # noqa: PLR2004
        raise BadDataError(f"{path} has the shape {scores.shape}; a map has one channel, (height, width).")
    try:
        scores = map_types.decoded(scores, note)
    except BadDataError as error:
        raise BadDataError(f"{path} notes {error}. Write it again with `adtool maps --force`.") from None
    of_image = _image_score(note)
    if not (np.isfinite(scores).all() and np.isfinite(of_image or 0)):
        raise NotFiniteMapError(f"{path} holds NaN or infinite scores. Write it again with `adtool maps --force`.")
    return ScoreMap(scores, of_image)


@contextmanager
def _map_file(path: Path) -> Iterator[Any]:
    """A map's file; what goes wrong with it becomes an error that names it."""
    try:
        with tifffile.TiffFile(path) as tiff:
            headers.require_honest(tiff, path)
            yield tiff
    except FileNotFoundError:
        raise MissingInputError(f"No anomaly map at {path}. Run `adtool maps` for this category.") from None
    except (OSError, *DAMAGED_MAP) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        raise BadDataError(
            f"{path} can't be read as a map ({error}). Write it again with `adtool maps --force`."
        ) from None


def noted_score(path: Path) -> float | None:
    """The image score in the description of a map's file; its pixels are not decoded, only looked for.

    Raises:
        BadDataError: not a TIFF, cut off, or the score is NaN or infinite.
    """
    with _map_file(path) as tiff:
        page = tiff.pages.first
        ends = [start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if max(ends, default=0) > path.stat().st_size:
            raise ValueError("the file is cut off")
        score = _image_score(document_of(page.description))
    if not math.isfinite(score or 0):
        raise NotFiniteMapError(f"{path} holds NaN or infinite scores. Write it again with `adtool maps --force`.")
    return score


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
    there = {one: noted_score(path) for one, path in paths.items() if path.exists()}
    return {one: score for one, score in there.items() if score is not None}


def document_of(description: str) -> Any:  # noqa: ANN401, a JSON document can be anything
    """What a map's description says; None if it is not one of ours."""
    try:
        return json.loads(description)
    except (ValueError, TypeError, RecursionError):
        return None


def _image_score(note: Any) -> float | None:  # noqa: ANN401, as above
    try:
        return float(note["image_score"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def resize_scores(scores: Floats, height: int, width: int) -> Floats:
    """Bilinear resize of a map to (height, width); the same size is returned as it is."""
    if scores.shape == (height, width):
        return scores
    return np.asarray(cv2.resize(scores, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
