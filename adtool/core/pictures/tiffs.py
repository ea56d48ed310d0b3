"""TIFF files that Pillow does not know or cuts down to 8 bits, read by tifffile."""

from pathlib import Path

import numpy as np
import tifffile

from adtool.core.pictures import picture_file
from adtool.core.pictures.orientation import turned
from adtool.core.pictures.picture_file import (
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


def read(path: Path, *, page: int = 0, with_values: bool = True) -> tuple[Header, Values]:
    """A page of a TIFF by tifffile, turned upright as Pillow does it."""
    try:
        with tifffile.TiffFile(path) as tiff:
            every = [each for one in tiff.pages if not (each := one.aspage()).subfiletype & REDUCED]
            found, pages = (every or [tiff.pages.first])[page], len(every)
            tag = found.tags.get(ORIENTATION)
            orientation = int(tag.value) if tag is not None else UPRIGHT
            size, channels = (found.imagelength, found.imagewidth), found.samplesperpixel
            unused = int(channels in (2, 4) and not {1, 2} & set(found.extrasamples))  # 1 and 2 mean transparency
            kind: Kind = "float" if found.dtype is not None and found.dtype.kind == "f" else "integer"
            kind = "byte" if found.dtype == np.uint8 else kind
            picture_file.refuse_large(path, size[1], size[0])
            if found.dtype is not None and found.dtype.kind not in "biuf":
                raise ValueError(f"values of the type {found.dtype}")
            _refuse_channels(path, channels)
            values = found.asarray() if with_values else np.zeros(0)
            if with_values and values.ndim not in (2, 3):
                raise ValueError(f"values of the shape {values.shape}")
            axes = found.axes
    except (OSError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno in NOT_THE_FILES_FAULT:
            raise
        raise picture_file.unreadable(path, str(error)) from None
    header = Header(size[::-1] if orientation >= SIDEWAYS else size, UPRIGHT, kind, pages, unused, orientation)
    if not with_values:
        return header, values
    values = np.moveaxis(values, 0, -1) if axes.startswith("S") else values
    if values.ndim == COLOURS:
        values = values[..., :COLOURS] if values.shape[2] >= COLOURS else values[..., 0]
    return header, turned(values, orientation)


def _refuse_channels(path: Path, channels: int) -> None:
    if channels > MOST_CHANNELS:
        raise UnreadableImageError(
            f"{path} has {channels} channels; pictures of 1 (grey), 3 (RGB) or 4 (with transparency) are read. "
            "Export the channels that are to be looked at as one picture."
        )
