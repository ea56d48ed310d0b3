"""What can be wrong with the masks of a category; `check` and `prep` say the same of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core import layout
from adtool.core.checks.data_rules import (
    MASK_EMPTY,
    MASK_INVERTED,
    MASK_LEVELS,
    MASK_MOSTLY_WHITE,
    MASK_ON_NORMAL,
    MASK_SIZE,
    MASK_SOFT,
    MASK_TURN,
)
from adtool.core.checks.findings import Findings
from adtool.core.masks import mask_levels
from adtool.core.masks.mask_reader import AUTO, Bools, MaskFile, MaskReader, MaskRule, read_sheet
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import Header

HALF = 0.5
BORDER = 0.9  # share of the border that is white in an inverted mask; real defects that large leave some of it


@dataclass(frozen=True)
class MaskLook:
    """What a mask file holds.

    Attributes:
        size: (height, width) once it is turned as its image is.
        share: of the pixels that are defect.
        border: share of the outermost pixels that are defect.
        soft: whether it holds levels between those that were painted.
        levels: that were painted in it.
        doubtful: whether it fits its image both as stored and turned.
    """

    size: tuple[int, int]
    share: float
    border: float
    soft: bool
    levels: int = 1
    doubtful: bool = False

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class Masked:
    """An image with its mask, as it was looked at."""

    image: Path
    mask: Path
    size: tuple[int, int] | None  # of the image, None if it can't be read
    look: MaskLook
    kind: str


def look_at(masks: MaskReader, path: Path, image: Header | None) -> tuple[Bools, MaskLook]:
    """The defect pixels of a mask as they lie in its image, and what there is to say of it.

    Raises:
        UnreadableImageError: the mask is not an image.
    """
    sheet = read_sheet(path)
    marked = masks.decision.marked(sheet)
    turn, doubtful = (sheet.header.orientation, False) if image is None else masks.turn(sheet.header, image)
    marked = decoding.turned(marked, turn)
    border = np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]])
    soft, levels = _levels(sheet, masks.decision)
    size = (marked.shape[0], marked.shape[1])
    return marked, MaskLook(size, float(marked.mean()), float(border.mean()), soft, levels, doubtful)


def _levels(sheet: MaskFile, decision: MaskRule) -> tuple[bool, int]:
    """Whether there are levels between those that were painted, and the number of those."""
    if decision.rule != AUTO:  # of no interest where the data set has a rule of its own
        return False, 1
    there = np.unique(sheet.marks[sheet.marks > 0])
    if there.size <= 1:
        return False, there.size
    if there[-1] <= mask_levels.NUMBERS:  # small numbers are numbers of defects, as in VisA
        return False, 1
    known = {*decision.exact.levels, *decision.lossy.levels}
    painted = len(known & set(there.tolist()))
    return bool(there.size > max(painted, 1)), 1 if sheet.is_lossy else painted


def check(where: str, masked: Sequence[Masked], is_normal: Callable[[str], bool], found: Findings) -> None:
    """Note what is wrong with the masks of a category.

    Args:
        where: the category, for the finding.
        masked: images with their masks.
        is_normal: whether a kind is the normal one.
        found: to be added to.
    """
    found.add(MASK_SIZE, where, _other_sizes(masked))
    _check_share(where, masked, found)
    _check_kinds(where, masked, is_normal, found)
    found.add(MASK_SOFT, where, (one.mask for one in masked if one.look.soft))
    found.add(MASK_LEVELS, where, (f"{one.mask} ({one.look.levels})" for one in masked if one.look.levels > 1))
    found.add(MASK_TURN, where, (one.mask for one in masked if one.look.doubtful))


def _other_sizes(masked: Sequence[Masked]) -> list[str]:
    """Masks that are not as large as their images."""
    other = [(one, one.size) for one in masked if one.size is not None and one.size != one.look.size]
    return [f"{one.mask}: {_size(one.look.size)}, image {_size(size)}" for one, size in other]


def _check_share(where: str, masked: Sequence[Masked], found: Findings) -> None:
    """Masks that are mostly white: inverted, where most of those that mark anything are."""
    white = [one.mask for one in masked if one.look.share > HALF and one.look.border > BORDER]
    marked = [one for one in masked if one.look.share > 0]
    found.add(MASK_INVERTED if len(white) > HALF * len(marked) else MASK_MOSTLY_WHITE, where, white)


def _check_kinds(where: str, masked: Sequence[Masked], is_normal: Callable[[str], bool], found: Findings) -> None:
    """Masks that say something else than the kinds of their images."""
    defects = [one for one in masked if not is_normal(one.kind) and one.kind != layout.UNKNOWN_KIND]
    found.add(MASK_EMPTY, where, (one.image for one in defects if not one.look.share))
    normals = [one for one in masked if is_normal(one.kind) and one.look.share]
    found.add(MASK_ON_NORMAL, where, (f"{one.image} ({one.look.share:.1%} of its pixels)" for one in normals))


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]} pixels"
