"""TIFF files that Pillow does not know or cuts down to 8 bits, read by tifffile."""

from pathlib import Path

import numpy as np
import tifffile

from adtool_runtime.pictures import picture_file
from adtool_runtime.pictures.orientation import turned
from adtool_runtime.pictures.picture_file import (
    COLOURS,
    DAMAGED,
    NOT_THE_FILES_FAULT,
    ORIENTATION,
    REDUCED,
    SIDEWAYS,
    UPRIGHT,
    Header,
    Kind,
    UnreadableImageError,
    Values,
)

MOST_CHANNELS = 4
TRANSPARENCY = {1, 2}  # what an extra channel can mean


def read(path: Path, *, page: int = 0, with_values: bool = True) -> tuple[Header, Values]:
    """A page of a TIFF by tifffile, turned upright as Pillow does it."""
    try:
        with tifffile.TiffFile(path) as tiff:
            every = [each for one in tiff.pages if not (each := one.aspage()).subfiletype & REDUCED]
            found = (every or [tiff.pages.first])[page]
            header = _header(found, len(every))
            _refuse(path, found)
            values = _values(found) if with_values else np.zeros(0)
    except (OSError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        raise picture_file.unreadable(path, str(error)) from None
    return header, turned(values, header.done) if with_values else values


def _header(page: tifffile.TiffPage, pages: int) -> Header:
    """What a page is; its size is that after it is turned."""
    tag = page.tags.get(ORIENTATION)
    orientation = int(tag.value) if tag is not None else UPRIGHT
    size = (page.imagewidth, page.imagelength) if orientation >= SIDEWAYS else (page.imagelength, page.imagewidth)
    unused = page.samplesperpixel in (2, 4) and not TRANSPARENCY & set(page.extrasamples)
    return Header(size, UPRIGHT, _kind(page), pages, int(unused), orientation)


def _kind(page: tifffile.TiffPage) -> Kind:
    if page.dtype == np.uint8:
        return "byte"
    return "float" if page.dtype is not None and page.dtype.kind == "f" else "integer"


def _refuse(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse what is too large, no grey or colours, or no numbers."""
    picture_file.refuse_large(path, page.imagewidth, page.imagelength)
    if page.dtype is not None and page.dtype.kind not in "biuf":
        raise ValueError(f"values of the type {page.dtype}")
    if page.samplesperpixel > MOST_CHANNELS:
        raise UnreadableImageError(
            f"{path} has {page.samplesperpixel} channels; pictures of 1 (grey), 3 (RGB) or 4 (with transparency) are "
            "read. Export the channels that are to be looked at as one picture."
        )


def _values(page: tifffile.TiffPage) -> Values:
    """Grey (H, W), or colours (H, W, 3) without transparency."""
    values = page.asarray()
    if values.ndim not in (2, 3):
        raise ValueError(f"values of the shape {values.shape}")
    values = np.moveaxis(values, 0, -1) if page.axes.startswith("S") else values
    if values.ndim == COLOURS:
        values = values[..., :COLOURS] if values.shape[2] >= COLOURS else values[..., 0]
    return values
