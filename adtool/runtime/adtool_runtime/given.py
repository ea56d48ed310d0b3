"""Pictures that are given: a file, or an array that is in memory, read as the export's own pictures were."""

import math
import stat
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adtool_runtime.errors import BadDataError
from adtool_runtime.pictures import decoding, reading
from adtool_runtime.pictures.decoding import Picture
from adtool_runtime.pictures.picture_file import COLOURS
from adtool_runtime.pictures.reading import FLOAT, INTEGER, PictureReading

Given = str | PathLike[str] | npt.NDArray[Any]

WITHOUT_COLOURS = 2  # axes of a grey picture
WIDE = 2  # bytes of a whole number; pictures have no wider ones
BRIGHTEST = 255
CHANNELS = (1, COLOURS, COLOURS + 1)


def read(given: Given, how: PictureReading) -> Picture:
    """A picture as the network shall see it.

    Args:
        given: a file, or an array: (H, W) grey, or (H, W, 3) RGB; of more than 8 bits as a file of that type would be.
        how: pictures are read.

    Raises:
        BadDataError: it is none, or can't be read.
        MissingInputError: there is no such file.
    """
    if isinstance(given, np.ndarray):
        return _of_array(given, how)
    if not isinstance(given, str | PathLike):
        raise BadDataError(f"{name(given)} is no picture. Give a path, or a numpy array: (H, W) grey or (H, W, 3) RGB.")
    path = Path(fspath(given))
    _require_file(path)
    return decoding.read(path, how)


def _require_file(path: Path) -> None:
    """Refuse what is there, but no file: who opens a pipe waits for ever.

    Raises:
        BadDataError: it is none.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # decoding says so
    except (OSError, ValueError) as error:
        raise BadDataError(f"{path} can't be read ({error}).") from None
    if stat.S_ISDIR(mode):
        raise BadDataError(f"{path} is a folder. Give a picture, or the folder to `python -m adtool_runtime`.")
    if not stat.S_ISREG(mode):
        raise BadDataError(f"{path} is a pipe, a socket or a device. Give a picture.")


def _of_array(values: npt.NDArray[Any], how: PictureReading) -> Picture:
    if values.ndim not in (WITHOUT_COLOURS, COLOURS) or not values.size:
        raise BadDataError(f"An array of the shape {values.shape} is no picture. Give (H, W) grey or (H, W, 3) RGB.")
    if values.ndim == COLOURS and values.shape[2] not in CHANNELS:
        raise BadDataError(f"An array of {values.shape[2]} channels is no picture. Give (H, W) grey or (H, W, 3) RGB.")
    if values.dtype == np.bool_ or values.dtype.kind not in "uif":
        raise BadDataError(f"An array of {values.dtype} is no picture. Give uint8, or what its file would hold.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadDataError("The array holds NaN or infinite values.")
    limit = decoding.pixel_limit()
    if math.prod(values.shape[:2]) > limit:
        raise BadDataError(f"An array of {values.shape[1]} x {values.shape[0]} pixels is above the limit of {limit:,}.")
    colours = values if values.ndim == WITHOUT_COLOURS else values[..., :COLOURS]
    colours = colours[..., 0] if colours.ndim == COLOURS and colours.shape[2] == 1 else colours
    if how.grey is None and values.dtype.kind in "ui" and values.dtype.itemsize > WIDE:
        colours = _as_bytes(colours)
    if colours.dtype == np.uint8:
        return Picture(_shown(_as_colours(colours), how))
    kind = FLOAT if values.dtype.kind == "f" else INTEGER
    if how.grey is not None and how.grey.kind != kind:
        raise BadDataError(f"The pictures that were learned from held {how.grey.kind} values, this array {kind} ones.")
    grey = decoding.range_of(kind, colours, how)
    small = reading.to_bytes(colours, grey)
    return Picture(_shown(_as_colours(small), how), reading.poverty(colours, small, grey), kind=kind)


def _as_bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """8 bits that are kept in more, as arithmetic leaves them; no camera fills 32 or 64."""
    if int(values.min()) < 0 or int(values.max()) > BRIGHTEST:
        raise BadDataError(f"An array of {values.dtype} with values beyond 0 to {BRIGHTEST} is no picture. Give uint8.")
    return values.astype(np.uint8)


def _shown(pixels: npt.NDArray[np.uint8], how: PictureReading) -> npt.NDArray[np.uint8]:
    """What is looked at."""
    return pixels if how.look_at is None else how.look_at.shown(pixels)


def name(given: object) -> str:
    """What messages call it."""
    if isinstance(given, np.ndarray):
        return "The array"
    return fspath(given) if isinstance(given, str | PathLike) else f"What is given ({type(given).__name__})"


def remark(picture: Picture, how: PictureReading) -> str:
    """What is odd about a picture, empty if nothing."""
    found = []
    if picture.pages > 1:
        found.append(f"of {picture.pages} pages the first is judged")
    if picture.poor:
        found.append(picture.poor)
    if how.learned_bytes and picture.kind != "byte":
        grey = how.grey or "the full range of its type"
        found.append(f"more than 8 bits, and what was learned from had 8: {grey} is read as black to white")
    if how.learned_deep and picture.kind == "byte":
        found.append("8 bits, and what was learned from had more")
    return "; ".join(found)


def _as_colours(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    whole = values if values.ndim == COLOURS else np.repeat(values[..., None], COLOURS, axis=2)
    return np.ascontiguousarray(whole)
