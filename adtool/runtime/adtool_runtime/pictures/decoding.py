"""Decoding pictures of any type: to RGB in 8 bits, upright, by one range of grey values for a whole data set."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from adtool_runtime.pictures import reading, tiffs
from adtool_runtime.pictures.orientation import turned as turned
from adtool_runtime.pictures.picture_file import (
    BITS,
    COLOURS,
    Bytes,
    Kind,
    Values,
    header_from,
    is_reduced,
    refuse_large,
)
from adtool_runtime.pictures.picture_file import DAMAGED as DAMAGED
from adtool_runtime.pictures.picture_file import NOT_THE_FILES_FAULT as NOT_THE_FILES_FAULT
from adtool_runtime.pictures.picture_file import SIDEWAYS as SIDEWAYS
from adtool_runtime.pictures.picture_file import UPRIGHT as UPRIGHT
from adtool_runtime.pictures.picture_file import Header as Header
from adtool_runtime.pictures.picture_file import OtherTiffError as OtherTiffError
from adtool_runtime.pictures.picture_file import UnreadableImageError as UnreadableImageError
from adtool_runtime.pictures.picture_file import opened as opened
from adtool_runtime.pictures.picture_file import pixel_limit as pixel_limit
from adtool_runtime.pictures.reading import FLOAT, INTEGER, PLAIN, SHORT_MAX, GreyRange, PictureReading


@dataclass(frozen=True)
class Picture:
    """A picture as it was read.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        poor: what it lost on the way to 8 bits, empty if nothing that matters.
        pages: in its file, of which it is the first.
        kind: of values in the file.
    """

    pixels: Bytes
    poor: str = ""
    pages: int = 1
    kind: Kind = "byte"


def read_image(path: Path, how: PictureReading = PLAIN) -> Bytes:
    """Decode a picture of any mode to RGB, (H, W, 3) uint8; see `read`."""
    return read(path, how).pixels


def read(path: Path, how: PictureReading = PLAIN) -> Picture:
    """Decode a picture of any mode to RGB.

    Deep pictures are read by the data set's range; palette, CMYK and transparent ones are converted, transparency is
    dropped; of several pages the first is taken. An orientation tag turns the picture.

    Raises:
        UnreadableImageError: empty, truncated, too large, NaN or infinite, or not an image.
        MissingInputError: there is no such file.
    """
    header, values = decode(path, as_colours=True, limited=how.limited)
    if how.upright:
        values = turned(values, header.orientation)
    if header.kind == "byte":
        return Picture(_shown(values, how, path), pages=header.pages)
    if how.grey is not None and how.grey.kind != header.kind:
        raise UnreadableImageError(
            f"{path} holds {header.kind} values, those that black and white were found in {how.grey.kind} ones. Save "
            "all pictures in one type."
        )
    grey = range_of(header.kind, values, how)
    small = reading.to_bytes(values, grey)
    pixels = small if small.ndim == COLOURS else np.repeat(small[..., None], COLOURS, axis=2)
    return Picture(_shown(pixels, how, path), reading.poverty(values, small, grey), header.pages, header.kind)


def _shown(pixels: Bytes, how: PictureReading, path: Path) -> Bytes:
    """What is looked at."""
    if how.look_at is None:
        return np.ascontiguousarray(pixels)
    if why := how.look_at.problem((pixels.shape[0], pixels.shape[1])):
        raise UnreadableImageError(f"{path}: the part to look at does not fit it, {why}.")
    return how.look_at.shown(pixels)


def range_of(kind: Kind, values: Values, how: PictureReading) -> GreyRange:
    """The noted range; for a single picture of which nothing is noted, the full range of its type."""
    if how.grey is not None:
        return how.grey
    if kind == INTEGER:
        return GreyRange(INTEGER, 0, SHORT_MAX)
    return GreyRange(FLOAT, 0, 1 if values.max(initial=0) <= 1 else reading.BYTE_MAX)


def decode(path: Path, *, as_colours: bool = False, limited: bool = True) -> tuple[Header, Values]:
    """The first page of a picture file as it is stored, not turned.

    Args:
        path: the file.
        as_colours: 8-bit pictures become RGB, (H, W, 3); else they stay as they are: (H, W) or (H, W, C).
        limited: whether it may not have more pixels than the limit.

    Returns:
        What it is, and its values: (H, W) or (H, W, C), deep ones in their own type and without transparency.

    Raises:
        UnreadableImageError: it can't be decoded, or holds values that are no numbers.
    """
    try:
        with opened(path, limited=limited) as image:
            header = header_from(image)
            if header.kind == "byte":
                return header, np.array(_rgb(image) if as_colours else image)
            values = _deep(image, path)
    except OtherTiffError:
        header, values = tiffs.read(path)
        if header.kind == "byte" and as_colours and values.ndim == 2:  # noqa: PLR2004
            values = np.repeat(values[..., None], COLOURS, axis=2)
    if header.kind == "float" and not np.isfinite(values).all():
        raise UnreadableImageError(f"{path} holds NaN or infinite values. Replace or remove it.")
    return header, values


def read_pages(path: Path) -> list[Values]:
    """All pages of a file, upright: (H, W, 3) uint8, deep ones in their own type.

    Raises:
        UnreadableImageError: a page can't be decoded.
    """
    try:
        with opened(path) as image:
            header = header_from(image)
            if header.kind == "byte":
                found = []
                for number in range(int(getattr(image, "n_frames", 1))):
                    image.seek(number)
                    refuse_large(path, image.width, image.height)
                    if not is_reduced(image):
                        found.append(turned(np.array(_rgb(image)), header.orientation))
                return found
    except OtherTiffError:
        pass
    count = header_of(path).pages
    return [tiffs.read(path, page=number)[1] for number in range(count)]


def header_of(path: Path) -> Header:
    """What a picture file is, from its first bytes.

    Raises:
        UnreadableImageError: not an image, or too large.
    """
    try:
        with opened(path) as image:
            return header_from(image)
    except OtherTiffError:
        return tiffs.read(path, with_values=False)[0]


def image_size(path: Path, how: PictureReading = PLAIN) -> tuple[int, int]:
    """(height, width) of a picture as `read` gives it, from the file's header.

    Raises:
        UnreadableImageError: not an image, or too large.
    """
    return header_of(path).shown(upright=how.upright)


def _deep(image: Image.Image, path: Path) -> Values:
    """Values of a picture with more than 8 bits a channel; Pillow cuts those with several channels down to 8."""
    is_tiff = image.format == "TIFF"
    bits = max(image.tag_v2.get(BITS, (1,))) if is_tiff else 0  # type: ignore[attr-defined]
    if image.mode == "F" or (image.mode.startswith("I") and bits < 32):  # noqa: PLR2004
        return np.asarray(image)
    if is_tiff:
        try:
            return tiffs.read(path)[1]
        except UnreadableImageError:
            pass  # packed in a way that OpenCV may know
    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError(f"{image.mode} with more than 8 bits a channel is not read")
    values: Values = np.asarray(found)
    return values if values.ndim == 2 else values[..., COLOURS - 1 :: -1]  # noqa: PLR2004


def _rgb(image: Image.Image) -> Image.Image:
    """A picture in colours, its transparency dropped."""
    # By way of RGBA, since Pillow warns of palettes with several transparent colours otherwise.
    return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
