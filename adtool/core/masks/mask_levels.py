"""Which grey levels of masks are painted, and which are only the soft edge of others.

A level that someone painted has area of its own somewhere: pixels among equals. A soft edge, as antialiasing and JPEG
leave it, is a thin ring of many levels between two others. One mask can hold too little to tell, so that all masks of
a folder are counted together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.int64]

NUMBERS = 32  # levels up to here number the defects, as in VisA and instance masks; nobody paints that dark
FEW_PX = 9  # a 3 x 3 square
SOFT_LEVELS = 3
FAINT = 1 / 8  # of the brightest level: darker ones in a soft folder are what JPEG leaves around an edge
RARE = 0.01  # share of the painted area
BLANK = 1 / 4  # of what is painted elsewhere: a mask that nowhere gets brighter holds nothing but noise


@dataclass(frozen=True)
class LevelCount:
    """Pixels of one mask by level.

    Attributes:
        levels: above 0, ascending.
        pixels: of each level.
        own: those of them that lie among equals, or in a region without any other level.
    """

    levels: Levels
    pixels: Levels
    own: Levels


@dataclass(frozen=True)
class PaintedLevels:
    """What counts as painted in a folder of masks.

    Attributes:
        levels: that were painted, ascending; none where all that there is are soft edges.
        top: the brightest level.
        is_soft: whether there are many levels that nobody painted, as antialiasing and JPEG leave them.
    """

    levels: tuple[int, ...] = ()
    top: int = 0
    is_soft: bool = False

    def limit(self, count: LevelCount) -> float:
        """The level from which on a pixel of one mask is painted: half of the darkest one that was painted in it."""
        peak = int(count.levels[-1]) if count.levels.size else 0
        if self.top <= NUMBERS or (peak <= NUMBERS and not self.is_soft):
            return 0.5
        known = set(self.levels)
        here = [int(level) for level, own in zip(count.levels, count.own, strict=True) if own and level in known]
        if not here:
            reached = [level for level in self.levels if level <= peak]
            faintest = min(self.levels, default=self.top)
            here = reached[-1:] or ([peak] if peak >= BLANK * faintest else [])
        return here[0] / 2 if here else np.inf


def count(marks: Levels) -> LevelCount:
    """Count the pixels of one mask, (H, W), by level."""
    levels, pixels = np.unique(marks[marks > 0], return_counts=True)
    if levels.size <= 1:
        return LevelCount(levels, pixels, pixels)
    inside = marks > 0
    ranks = np.zeros(marks.shape, np.int64)
    ranks[inside] = np.searchsorted(levels, marks[inside]) + 1
    own = (_in_squares(ranks) & inside) | _alone(inside, ranks, levels.size)
    return LevelCount(levels, pixels, np.bincount(ranks[own], minlength=levels.size + 1)[1:])


def _in_squares(ranks: Levels) -> npt.NDArray[np.bool_]:
    """Pixels of squares of 2 x 2 pixels of the same level; the soft edge of a shape is too thin for one."""
    own = np.zeros(ranks.shape, bool)
    first = ranks[:-1, :-1]
    same = (first == ranks[1:, :-1]) & (first == ranks[:-1, 1:]) & (first == ranks[1:, 1:])
    for part in (own[:-1, :-1], own[1:, :-1], own[:-1, 1:], own[1:, 1:]):
        part |= same
    return own


def _alone(inside: npt.NDArray[np.bool_], ranks: Levels, count: int) -> npt.NDArray[np.bool_]:
    """Pixels of regions that hold one level only."""
    regions, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)
    pairs = np.unique(labels[inside].astype(np.int64) * (count + 1) + ranks[inside])
    different = np.bincount(pairs // (count + 1), minlength=regions)
    return np.asarray(inside & (different == 1)[labels])


def decide(counts: Iterable[LevelCount]) -> PaintedLevels:
    """What was painted in a folder of masks."""
    pixels: dict[int, int] = {}
    own: dict[int, int] = {}
    for one in counts:
        for level, number, alone in zip(one.levels.tolist(), one.pixels.tolist(), one.own.tolist(), strict=True):
            pixels[level] = pixels.get(level, 0) + number
            own[level] = own.get(level, 0) + alone
    top = max(pixels, default=0)
    painted = [level for level in sorted(pixels) if _is_painted(pixels[level], own[level])]
    is_soft = len(pixels) - len(painted) >= max(SOFT_LEVELS, len(painted))
    if is_soft:
        area = sum(pixels[level] for level in painted)
        painted = [level for level in painted if level >= FAINT * top and pixels[level] >= RARE * area]
    return PaintedLevels(tuple(painted), top, is_soft)


def _is_painted(pixels: int, own: int) -> bool:
    return 2 * own >= pixels and (own >= FEW_PX or own == pixels)


def listed(levels: Sequence[int]) -> str:
    """Levels as a person reads them: `30, 237`, or `1 to 60`."""
    if len(levels) > 6:  # noqa: PLR2004, a line has room for so many
        return f"{levels[0]} to {levels[-1]}"
    return ", ".join(str(level) for level in levels)
