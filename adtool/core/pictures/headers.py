"""Files whose header claims more than they hold, which would fill the memory before they are found to be damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

MOST_PRESSED = 2000  # times a file may grow when it is decoded; Deflate can do 1,032
NOT_PRESSED = 1  # TIFF's number for no compression


def require_honest(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a TIFF whose first page claims more pixels than its file can hold.

    Raises:
        ValueError: it does.
    """
    page = tiff.pages.first
    factor = 1 if page.compression == NOT_PRESSED else MOST_PRESSED
    if page.nbytes > factor * path.stat().st_size:
        raise ValueError(f"its header claims {' x '.join(map(str, page.shape))} values, more than the file holds")


def load_array(path: Path) -> npt.NDArray[Any]:
    """An array of one .npy file; numpy compares its header with the file only where it maps it.

    Raises:
        ValueError: no such array, or more is claimed than there is.
    """
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
            raise ValueError("not a .npy file")
    return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
