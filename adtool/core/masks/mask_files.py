"""What a mask file holds, whatever it was painted with: how strongly each pixel is marked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from adtool.core.errors import BadDataError
from adtool.core.folders.listing import mask_files
from adtool.core.masks.mask_levels import Levels
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import Header
from adtool_runtime.pictures.picture_file import header_from

TOP = 255
WHITE, ON_WHITE = 247, 0.9  # what JPEG leaves of white, and the share of the border that is white around colours
LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000")


@dataclass(frozen=True)
class MaskFile:
    """What a mask file holds, as it is stored.

    Attributes:
        header: of the file.
        marks: (H, W) how strongly each pixel is marked: its brightest channel, or its opacity.
        by: what that is: grey, colour, palette or transparency.
        is_lossy: whether the file type changes values.
        opacity: (H, W), where the file has transparency.
        index: (H, W), where it has a palette.
    """

    header: Header
    marks: Levels
    by: str
    is_lossy: bool
    opacity: Levels | None = None
    index: Levels | None = None


def read_sheet(path: Path, *, limited: bool = True) -> MaskFile:
    """What a mask file holds.

    Args:
        path: the file, or a folder of masks of one image.
        limited: whether it may not have more pixels than the limit.

    Raises:
        UnreadableImageError: not an image.
    """
    if path.is_dir():
        return _together(path)
    try:
        with decoding.opened(path, limited=limited) as image:
            header = header_from(image)
            found = _by_pillow(image, header)
            mode, is_lossy = image.mode, image.format in LOSSY
    except decoding.OtherTiffError:
        header, found, mode, is_lossy = decoding.header_of(path), None, "L", False
    if found is not None:
        return found
    values = decoding.decode(path, as_colours=mode != "L", limited=limited)[1]
    return sheet_of(values, header, is_lossy=is_lossy)


def _together(folder: Path) -> MaskFile:
    """Several masks of one image, as MVTec LOCO keeps them: what any of them marks."""
    sheets = [read_sheet(path) for path in mask_files(folder)]
    first = sheets[0]
    if any((one.header.shown(), one.by) != (first.header.shown(), first.by) for one in sheets):
        raise BadDataError(f"The masks in {folder} are of one image, but differ in size or kind. Correct them.")
    turned = [decoding.turned(one.marks, one.header.orientation) for one in sheets]
    header = Header(first.header.shown())
    return MaskFile(header, np.maximum.reduce(turned), first.by, any(one.is_lossy for one in sheets))


def sheet_of(values: npt.NDArray[Any], header: Header | None = None, *, is_lossy: bool = False) -> MaskFile:
    """A mask from the values of its pixels, (H, W) or (H, W, 3)."""
    header = header or Header((values.shape[0], values.shape[1]))
    if values.ndim == 2:  # noqa: PLR2004
        return MaskFile(header, _whole(values), "grey", is_lossy)
    is_colour = bool((np.ptp(values, axis=2) > TOP // 8).any())
    if is_colour and _is_on_white(values):
        return MaskFile(header, TOP - _whole(values.min(axis=2)), "colour on white", is_lossy)
    return MaskFile(header, _whole(values.max(axis=2)), "colour" if is_colour else "grey", is_lossy)


def _is_on_white(values: npt.NDArray[Any]) -> bool:
    """Whether colours lie on white paper: nearly all of the border is white, and black is nowhere."""
    if values.dtype != np.uint8:
        return False
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    white = float((border.min(axis=1) >= WHITE).mean())
    return white >= ON_WHITE and bool(values.max(axis=2).min() > TOP - WHITE)


def _by_pillow(image: Image.Image, header: Header) -> MaskFile | None:
    """A mask with transparency that varies, or with a palette; None for any other."""
    is_lossy = image.format in LOSSY
    index = None
    if image.mode in ("P", "PA"):
        index = np.asarray(image if image.mode == "P" else image.convert("P")).astype(np.int64)
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        opacity = np.asarray(image.convert("RGBA"))[..., -1].astype(np.int64)
        if opacity.min(initial=TOP) < opacity.max(initial=0):
            return MaskFile(header, opacity, "transparency", is_lossy, opacity, index)
    if image.mode == "1":
        return MaskFile(header, np.asarray(image).astype(np.int64) * TOP, "grey", is_lossy)
    if index is None:
        return None
    marks, by = _from_palette(index, np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3))
    return MaskFile(header, marks, by, is_lossy, index=index)


def _from_palette(index: Levels, palette: Levels) -> tuple[Levels, str]:
    """(marks, what they are) of an image with a palette.

    Black is background if any pixel is black; else the index 0 is, whatever its colour.
    """
    colours = np.zeros((TOP + 1, 3), np.int64)
    colours[: len(palette)] = palette[: TOP + 1]
    used = np.unique(index)
    painted = colours[index].astype(np.uint8)
    if np.ptp(colours[used], axis=1).max() > TOP // 8 and _is_on_white(painted):
        return TOP - _whole(painted.min(axis=2)), "palette"
    strongest = colours.max(axis=1)
    differ = len(np.unique(colours[used], axis=0)) > 1
    if strongest[used].min() > 0 or not differ:
        return (index > 0) * TOP, "palette"
    is_grey = bool((colours[used] == colours[used][:, :1]).all())
    return strongest[index], "grey" if is_grey else "palette"


def _whole(values: npt.NDArray[np.generic]) -> Levels:
    """Marks as whole numbers: floats up to 1 become 0 to 255."""
    if not np.issubdtype(values.dtype, np.floating):
        return np.maximum(values.astype(np.int64), 0)
    floats = values.astype(np.float64)
    return np.maximum(np.rint(floats * TOP if floats.max(initial=0) <= 1 else floats), 0).astype(np.int64)
