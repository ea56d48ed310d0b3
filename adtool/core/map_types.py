"""What numbers maps are kept in: whole floats, halves, or either compressed; whoever reads a map gets float32.

Halves hold 11 bits of a score, from 6e-5 up to 65,504. A map whose scores lie beyond is multiplied by a power of two,
which costs nothing, and its file notes by which one to multiply again.
"""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from adtool.core.config import Config
from adtool.core.errors import BadDataError
from adtool_runtime.image_scores import Floats

MapType = Literal["float32", "float16", "float32-deflate", "float16-deflate"]
WHOLE: MapType = "float32"
SETTING, SCALE = "map_type", "scale"  # in notes, and in a map's description
DEFLATE = "zlib"  # as tifffile calls it; every reader of TIFF knows it
HIGHEST = float(np.finfo(np.float16).max)
LOWEST_PEAK, USUAL_PEAK = 2.0**-6, 10  # below the first, the lower scores of a map lose digits; exponent of the scaled

log = logging.getLogger("adtool")
_written_as: ContextVar[MapType] = ContextVar("adtool_map_type", default=WHOLE)


class MapTypeOption(Config):
    """What maps are kept in, of the steps that write them."""

    map_type: MapType = Field(
        WHOLE,
        description="What the maps' files hold: float16 takes half of the space and keeps three digits of each score; "
        "-deflate compresses without loss. Image scores, limits and decisions are the same with any.",
        json_schema_extra={"shown": "late"},
    )


@dataclass(frozen=True)
class EncodedMap:
    """Scores as they are written.

    Attributes:
        values: (H, W), float32 or float16.
        scale: by which they are to be multiplied.
        compression: None for none.
    """

    values: npt.NDArray[Any]
    scale: float
    compression: str | None


@contextmanager
def written_as(kind: MapType) -> Iterator[None]:
    """Within this context maps are written so."""
    token = _written_as.set(kind)
    try:
        yield
    finally:
        _written_as.reset(token)


def noted(kind: MapType) -> dict[str, object]:
    """What a note says of it: nothing of whole floats, which were all there was."""
    return {} if kind == WHOLE else {SETTING: kind}


def encoded(scores: Floats) -> EncodedMap:
    """Finite scores (H, W) as they are to be written here."""
    kind = _written_as.get()
    compression = DEFLATE if kind.endswith("-deflate") else None
    if not kind.startswith("float16"):
        return EncodedMap(np.ascontiguousarray(scores, np.float32), 1.0, compression)
    scale = _scale(float(np.abs(scores).max(initial=0.0)))
    if scale != 1:
        log.debug("a map is kept as float16 in units of %g", scale)
    return EncodedMap(np.ascontiguousarray(scores / np.float32(scale)).astype(np.float16), scale, compression)


def decoded(values: npt.NDArray[Any], note: object) -> Floats:
    """Scores (H, W) float32 of what a file holds; what is too large becomes infinite.

    Args:
        values: of a map's file, of any type.
        note: the document in its description, if there is one.

    Raises:
        BadDataError: the scale that it notes is none.
    """
    with np.errstate(over="ignore"):
        scores = np.ascontiguousarray(values, np.float32)
    scale = note.get(SCALE, 1.0) if isinstance(note, dict) else 1.0
    if scale == 1.0:
        return scores
    if not isinstance(scale, int | float) or not 0 < scale < math.inf:
        raise BadDataError(f"a scale of {scale!r}, which is no factor")
    with np.errstate(over="ignore"):
        return scores * np.float32(scale)


def _scale(peak: float) -> float:
    """The power of two by which scores up to a peak are divided to lie where halves are exact to three digits."""
    if peak == 0 or LOWEST_PEAK <= peak <= HIGHEST:
        return 1.0
    return math.ldexp(1.0, math.frexp(peak)[1] - USUAL_PEAK)
