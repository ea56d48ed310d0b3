"""Plain text: `<category>/test/<kind>/<image>.txt`, a row of the map a line, for what reads nothing else."""

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

SOURCE = layout.MAPS  # the folder of ours that it is made from
SUFFIXES = (".txt",)


def write(source: Path, category: Category, out: Path) -> Written:
    """Write the maps of a category; the card keeps image scores and limit for the way back."""
    maps = Maps.of(source, category)
    for sample, scores in maps.each("text of"):
        text = io.StringIO()
        np.savetxt(text, scores, fmt="%.9g")  # as many digits as a float32 has
        path = out / category.name / layout.TEST / f"{tail(sample)}.txt"
        files.write_bytes(path, text.getvalue().encode())
    return Written(len(maps.samples), maps.card())


def read(path: Path, card: Mapping[str, Any]) -> Floats:
    """The scores of one file, (h, w). A format that can only be written has neither this nor SUFFIXES.

    Raises:
        BadDataError: it is no table of numbers.
    """
    try:
        return np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise BadDataError(f"{path} is no table of numbers ({error}).") from None
