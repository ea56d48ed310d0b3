"""How a data set's pictures are read: one range of grey values for all of them, and which way up they are.

It is found once for the whole data set, noted (dataset.json, model.json) and handed to whoever decodes a picture, so
that training, tests and tomorrow's pictures mean the same by the same grey value. 8-bit pictures need none of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from adtool_runtime.errors import BadDataError
from adtool_runtime.pictures.look_at import LookAt

INTEGER: Literal["integer"] = "integer"
FLOAT: Literal["float"] = "float"
BYTE_MAX, SHORT_MAX = 255, 65535

NARROW = 1 / 16  # of a customary range: pictures that fill less of it would be left with 16 grey levels of 256
ROOM = 1 / 8  # left on both sides of a range of no customary size, for tomorrow's pictures
INTEGER_BITS = (8, 10, 12, 14, 16, *range(17, 33))
FEW_LEVELS = 16
CLIPPED = 0.01  # share of a picture's pixels
LEARNED_BYTES, LEARNED_BOTH = "8 bits", "8 bits and more"


@dataclass(frozen=True)
class GreyRange:
    """The grey values of deep pictures (more than 8 bits a channel) that become black and white.

    Attributes:
        kind: of numbers in the files.
        low: black.
        high: white.
    """

    kind: Literal["integer", "float"]
    low: float
    high: float

    @property
    def is_customary(self) -> bool:
        """Whether pictures were always read so: 16 bits by their full range, floats in [0, 1] or [0, 255]."""
        tops = (SHORT_MAX,) if self.kind == INTEGER else (1, BYTE_MAX)
        return self.low == 0 and self.high in tops

    def __str__(self) -> str:
        return f"{self.low:.9g} to {self.high:.9g}"


@dataclass(frozen=True)
class PictureReading:
    """How pictures are read.

    Attributes:
        grey: the range of deep pictures; None where there are none, and each would be read by its type's full range.
        upright: whether pictures are turned as their orientation tags say.
        tagged: whether any picture of the data set has such a tag.
        limited: whether the limit of pixels holds.
        look_at: the part to look at, after turning; None for all.
        learned: depth of the pictures that a model learned from, where it is not what the range says, since only others
            were deep: LEARNED_BYTES or LEARNED_BOTH.
    """

    grey: GreyRange | None = None
    upright: bool = True
    tagged: bool = False
    limited: bool = True
    look_at: LookAt | None = None
    learned: str = ""

    def identity(self) -> dict[str, object]:
        """What differs from how pictures have always been read; it is part of what decides a map."""
        found: dict[str, object] = {}
        if self.grey is not None and not self.grey.is_customary:
            found["grey"] = [self.grey.low, self.grey.high]
        if self.tagged and self.upright:
            found["orientation"] = "turned by tag"
        if self.look_at is not None:
            found["look_at"] = self.look_at.text
        return found

    def as_json(self) -> dict[str, object]:
        """As it is noted."""
        grey = self.grey and {"kind": self.grey.kind, "low": self.grey.low, "high": self.grey.high}
        part = {} if self.look_at is None else {"look_at": self.look_at.text}
        learned = {"learned": self.learned} if self.learned else {}
        return {"grey": grey, "upright": self.upright, **part, **learned}

    @property
    def learned_deep(self) -> bool:
        """Whether all pictures that were learned from had more than 8 bits."""
        return self.grey is not None and not self.learned

    @property
    def learned_bytes(self) -> bool:
        """Whether all of them had 8 bits."""
        return self.grey is None or self.learned == LEARNED_BYTES


PLAIN = PictureReading()
OWN = PictureReading(limited=False)  # of pictures that adtool wrote: crops, painted ones
# Versions that noted nothing read deep pictures by their full range and ignored orientation tags.
UNNOTED = PictureReading(upright=False)


def from_json(noted: object, where: str) -> PictureReading:
    """A reading that was noted.

    Args:
        noted: what `PictureReading.as_json` gave.
        where: it stands, for messages.

    Raises:
        BadDataError: it can't be understood.
    """
    if not isinstance(noted, Mapping):
        raise BadDataError(f"{where}: 'reading' is no JSON object. Mend or remove it.")
    grey = noted.get("grey")
    upright, part = bool(noted.get("upright", True)), noted.get("look_at")
    learned = noted.get("learned")
    return PictureReading(
        None if grey is None else _grey(grey, where),
        upright,
        look_at=_look_at(part, where),
        learned=learned if learned in (LEARNED_BYTES, LEARNED_BOTH) else "",
    )


def _look_at(noted: object, where: str) -> LookAt | None:
    if noted is None:
        return None
    try:
        return LookAt(str(noted))
    except BadDataError as error:
        raise BadDataError(f"{where}: {error} Mend or remove 'look_at' of its reading.") from None


def _grey(noted: Any, where: str) -> GreyRange:  # noqa: ANN401, a JSON document can hold anything
    try:
        kind, low, high = noted["kind"], float(noted["low"]), float(noted["high"])
    except (KeyError, TypeError, ValueError):
        kind, low, high = "", 0.0, 0.0
    if kind not in (INTEGER, FLOAT) or not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise BadDataError(f"{where}: 'grey' of its reading needs a kind (integer, float) and numbers low < high.")
    return GreyRange(kind, low, high)


def span(kind: Literal["integer", "float"], low: float, high: float) -> GreyRange:
    """The range for pictures whose grey values lie in [low, high].

    A customary one where they fill enough of it (8, 10, 12, 14, 16 bits, for floats [0, 1] and [0, 255]), so that the
    brightest picture of today does not decide about tomorrow's; else what there is, with some room on both sides.
    """
    for black, white in _customary(kind, low, high):
        if black <= low and high <= white and (high - low >= NARROW * (white - black) or low == high):
            return GreyRange(kind, black, white)
    room = ROOM * (high - low) or 0.5
    return GreyRange(kind, low - room, high + room)


def _customary(kind: str, low: float, high: float) -> list[tuple[float, float]]:
    tops = [float(2**bits - 1) for bits in INTEGER_BITS]
    if kind == FLOAT:
        tops = [1.0, *(top for top in tops[: INTEGER_BITS.index(16) + 1] if top < 2 * high)]
    if low >= 0:
        return [(0.0, top) for top in tops]
    reach = next((2.0**bits for bits in range(33) if 2.0**bits >= max(-low, 1.0)), -low)
    return [(-reach, top) for top in tops] if kind == INTEGER else [(-1.0, 1.0)]


def to_bytes(values: npt.NDArray[np.generic], grey: GreyRange) -> npt.NDArray[np.uint8]:
    """Grey values as 0 to 255; what lies outside the range is cut off."""
    step = (grey.high - grey.low) / BYTE_MAX
    return np.clip(np.rint((values.astype(np.float64) - grey.low) / step), 0, BYTE_MAX).astype(np.uint8)


def poverty(values: npt.NDArray[np.generic], read: npt.NDArray[np.uint8], grey: GreyRange) -> str:
    """What a deep picture loses in a range, as a phrase; empty if nothing that matters."""
    numbers = values.astype(np.float64)
    outside = float(np.mean((numbers < grey.low) | (numbers > grey.high)))
    if outside > CLIPPED:
        return f"{outside:.0%} of its values cut off (outside {grey})"
    levels = int(np.count_nonzero(np.bincount(read.ravel(), minlength=BYTE_MAX + 1)))
    noun = "level" if levels == 1 else "levels"
    few = f"{levels} grey {noun} of 256 left (values {values.min()} to {values.max()}, read by {grey})"
    return few if levels < FEW_LEVELS else ""
