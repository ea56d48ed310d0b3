"""Picture files: opening them, what their headers say, and what can be wrong with them."""

import errno
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, UnidentifiedImageError

from adtool_runtime.errors import BadDataError, MissingInputError

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]
Kind = Literal["byte", "integer", "float"]

LIMIT = "ADTOOL_MAX_PIXELS"  # environment variable
LIMIT_PIXELS = 178_956_970  # as RGB half a gigabyte
ORIENTATION, BITS, SAMPLE_FORMAT = 0x0112, 258, 339  # tags of Exif and TIFF
UPRIGHT, SIDEWAYS = 1, 5  # orientations from 5 on swap the sides
SIGNED = 2
COLOURS = 3
ORIENTATIONS = range(2, 9)
REDUCED = 1  # a TIFF page that is a smaller copy of another

# What a decoder raises on damaged files, found by damaging files of every format at random.
DAMAGED = (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, tifffile.TiffFileError)
NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)


class UnreadableImageError(BadDataError):
    """The file is not an image that can be decoded."""


class OtherTiffError(UnreadableImageError):
    """A TIFF that Pillow does not know; tifffile knows more."""


@dataclass(frozen=True)
class Header:
    """What a picture file is, without its pixels.

    Attributes:
        size: (height, width) as stored, in pixels.
        orientation: the tag that tells how to turn it, 1 for upright.
        kind: of its values: 8 bits, or deeper.
        pages: pictures in the file.
        unused: channels that are left out, besides transparency.
        done: the tag by which the decoder itself turns it, as all do with a TIFF; size and values are those after it.
    """

    size: tuple[int, int]
    orientation: int = UPRIGHT
    kind: Kind = "byte"
    pages: int = 1
    unused: int = 0
    done: int = UPRIGHT

    @property
    def tag(self) -> int:
        """The orientation tag of the file, whoever turns the picture by it."""
        return self.done if self.orientation == UPRIGHT else self.orientation

    @property
    def stored(self) -> tuple[int, int]:
        """(height, width) in the file, before anybody turned it."""
        return self.size[::-1] if self.done >= SIDEWAYS else self.size

    def shown(self, *, upright: bool = True) -> tuple[int, int]:
        """(height, width) once it is turned."""
        return self.size[::-1] if upright and self.orientation >= SIDEWAYS else self.size


@contextmanager
def opened(path: Path, *, limited: bool = True) -> Iterator[Image.Image]:
    """An image file; what goes wrong with it becomes an error that names it.

    Args:
        path: the file.
        limited: whether it may not have more pixels than the limit.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns and fails with talk of attacks; ours stands below
    try:
        # A file, not its name: by that Pillow maps an uncompressed TIFF into memory, row by row of the turned size,
        # which scrambles one that lies on its side.
        with path.open("rb") as file, Image.open(file) as image:
            if limited:
                refuse_large(path, image.width, image.height)
            yield image
    except FileNotFoundError:
        raise MissingInputError(f"No image at {path}.") from None
    except (OSError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        is_unknown = isinstance(error, UnidentifiedImageError)
        if is_unknown and _is_tiff(path):
            raise OtherTiffError(str(path)) from None
        raise unreadable(path, "not an image" if is_unknown else str(error)) from None


def unreadable(path: Path, reason: str) -> UnreadableImageError:
    """The error for a file that can't be decoded."""
    reason = "the file is empty" if path.stat().st_size == 0 else reason
    return UnreadableImageError(f"{path} can't be read as an image ({reason}). Replace or remove it.")


def refuse_large(path: Path, width: int, height: int) -> None:
    """Refuse a picture with more pixels than the limit.

    Raises:
        UnreadableImageError: it has.
    """
    limit = pixel_limit()
    if width * height > limit:
        raise UnreadableImageError(
            f"{path} has {width} x {height} = {width * height:,} pixels, more than the limit of {limit:,}. "
            f"Make it smaller or cut it into tiles, or raise the limit with the environment variable {LIMIT}."
        )


def pixel_limit() -> int:
    """The most pixels that an image may have.

    Raises:
        BadDataError: the environment variable is no number.
    """
    text = os.environ.get(LIMIT, "")
    if not text:
        return LIMIT_PIXELS
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadDataError(f"{LIMIT} is '{text}'. Set it to a number of pixels, or remove it.")
    return int(text)


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def header_from(image: Image.Image) -> Header:
    """What an opened file is."""
    is_tiff = image.format == "TIFF"
    # Pillow turns TIFF by itself.
    orientation, done = (UPRIGHT, _orientation(image)) if is_tiff else (_orientation(image), UPRIGHT)
    size = image.height, image.width
    return Header(size, orientation, _kind(image), _pages(image), _unused(image), done)


def _orientation(image: Image.Image) -> int:
    known = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
    if image.format == "PNG" and not known & image.info.keys():
        return UPRIGHT  # asked for its tags, Pillow would decode it
    try:
        found = image.getexif().get(ORIENTATION, UPRIGHT)
    except (OSError, *DAMAGED):
        return UPRIGHT  # a damaged tag turns nothing
    return found if isinstance(found, int) and found in ORIENTATIONS else UPRIGHT


def _kind(image: Image.Image) -> Kind:
    if image.mode == "F":
        return "float"
    bits = image.tag_v2.get(BITS, (1,)) if image.format == "TIFF" else ()  # type: ignore[attr-defined]
    is_signed = bool(bits) and SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ())  # type: ignore[attr-defined]
    deep = image.mode.startswith("I") or is_signed or max(bits, default=1) > 8  # noqa: PLR2004
    return "integer" if deep or _is_cut_down(image) else "byte"


def _is_cut_down(image: Image.Image) -> bool:
    """Whether Pillow would make 8 bits of more, as it does of deep colours in PNG and PPM."""
    tile = str(getattr(image, "tile", ""))
    if image.format == "PPM":
        top = re.search(r"args=\('RGB', (\d+)\)", tile)
        return top is not None and int(top[1]) > 255  # noqa: PLR2004
    return image.format == "PNG" and ";16" in tile


def _pages(image: Image.Image) -> int:
    if image.format == "MPO":  # phones put a preview or a depth map behind the picture
        return 1
    count = int(getattr(image, "n_frames", 1))
    if count > 1 and image.format == "TIFF":
        with tifffile.TiffFile(Path(image.fp.name)) as tiff:  # type: ignore[attr-defined]
            return sum(not page.aspage().subfiletype & REDUCED for page in tiff.pages)
    return count


def _unused(image: Image.Image) -> int:
    if image.format != "TIFF":
        return 0
    stored = len(image.tag_v2.get(BITS, (1,)))  # type: ignore[attr-defined]
    return max(0, stored - len(image.getbands())) + (image.mode == "RGBX")


def is_reduced(image: Image.Image) -> bool:
    """Whether a page of a TIFF is a smaller copy of another."""
    return image.format == "TIFF" and bool(image.tag_v2.get(254, 0) & REDUCED)  # type: ignore[attr-defined]
