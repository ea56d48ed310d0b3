"""Files with several pages: each page becomes an image of its own, `<name>_page01`, with its part of the mask."""

import io
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from adtool.core import arrays, files
from adtool.core.errors import BadDataError
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader
from adtool_runtime.pictures import decoding

log = logging.getLogger("adtool")


def names(target: Path, count: int) -> list[str]:
    """The names of the pages of a file, without suffix."""
    digits = max(2, len(str(count)))
    return [f"{target.stem}_page{page:0{digits}}" for page in range(1, count + 1)]


def write_images(source: Path, target: Path) -> None:
    """Write each page beside `target`: as PNG, deep ones as TIFF, upright.

    Raises:
        UnreadableImageError: a page can't be decoded.
        BadDataError: a page would get the name of another file.
    """
    found = decoding.read_pages(source)
    for name, page in zip(names(target, len(found)), found, strict=True):
        twins = [path for path in source.parent.glob(f"{name}.*") if path.is_file()]
        if twins:
            raise BadDataError(f"A page of {source} gets the name of {twins[0]}. Rename one of them.")
        if page.dtype == np.uint8:
            arrays.write_png(target.with_name(f"{name}.png"), page)
            continue
        data = io.BytesIO()
        tifffile.imwrite(data, np.ascontiguousarray(page), photometric="rgb" if page.ndim == 3 else "minisblack")  # noqa: PLR2004
        files.write_bytes(target.with_name(f"{name}.tif"), data.getvalue())


def write_masks(reader: MaskReader, source: Path, image: Path, target: Path) -> None:
    """Write the mask of each page of an image: the page of the same number, or the only one for all.

    Raises:
        BadDataError: the mask has another number of pages, or another size.
    """
    shown = decoding.read_pages(image)
    marked = _pages_of(reader, source, image)
    if len(marked) not in (1, len(shown)):
        raise BadDataError(
            f"{source} has {len(marked)} pages, its image {image} {len(shown)}. Give a mask with one page for all, or "
            "one for each."
        )
    if len(marked) == 1:
        log.info("%s has one page, which is taken for all %d pages of its image.", source, len(shown))
    for number, name in enumerate(names(target, len(shown))):
        mask = marked[min(number, len(marked) - 1)]
        if mask.shape != shown[number].shape[:2]:
            raise BadDataError(f"{source} and page {number + 1} of {image} differ in size. Correct one of them.")
        arrays.write_mask(target.with_name(f"{name}.png"), mask)


def _pages_of(reader: MaskReader, source: Path, image: Path) -> Sequence[mask_reader.Bools]:
    if decoding.header_of(source).pages == 1:
        return [reader.read(source, image)]
    return [reader.decision.marked(mask_reader.sheet_of(page)) for page in decoding.read_pages(source)]
