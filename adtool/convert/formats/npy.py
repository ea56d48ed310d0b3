"""NumPy arrays: `<category>/test/<kind>/<image>.npy`, the raw scores at the map's own size."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adtool.convert.trees import Maps, Written, tail
from adtool.core import files, layout
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Category
from adtool.core.errors import BadDataError
from adtool.core.pictures import headers

SOURCE = layout.MAPS
SUFFIXES = (".npy",)
PLANE = 2  # axes of a map


def write(source: Path, category: Category, out: Path) -> Written:
    """Write the maps of a category as float32 (h, w) arrays."""
    maps = Maps.of(source, category)
    for sample, scores in maps.each("arrays of"):
        data = io.BytesIO()
        np.save(data, scores)
        files.write_bytes(out / category.name / layout.TEST / f"{tail(sample)}.npy", data.getvalue())
    return Written(len(maps.samples), maps.card())


def read(path: Path, card: Mapping[str, Any]) -> Floats:
    """The scores of one file: (h, w), or with further axes of length 1 before or after.

    Raises:
        BadDataError: no array of numbers, or of another shape.
    """
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused when it is written
            scores = np.asarray(headers.load_array(path), dtype=np.float32)
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise BadDataError(f"{path} is no array of numbers ({error}).") from None
    while scores.ndim > PLANE and 1 in (scores.shape[0], scores.shape[-1]):
        scores = scores[0] if scores.shape[0] == 1 else scores[..., 0]
    if scores.ndim != PLANE:
        raise BadDataError(f"{path} has the shape {scores.shape}; a map of one image is (height, width).")
    return scores
