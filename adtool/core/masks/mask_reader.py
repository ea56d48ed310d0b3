"""Masks as people paint them: which pixels count as defect, and which way up a mask is.

What counts is decided for a folder of masks together (`decide`); one mask may hold too little to tell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from adtool.core.errors import BadDataError
from adtool.core.masks import mask_levels
from adtool.core.masks.mask_files import TOP
from adtool.core.masks.mask_files import MaskFile as MaskFile
from adtool.core.masks.mask_files import read_sheet as read_sheet
from adtool.core.masks.mask_files import sheet_of as sheet_of
from adtool.core.masks.mask_levels import LevelCount, Levels, PaintedLevels
from adtool_runtime import parallel
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UPRIGHT, Header
from adtool_runtime.pictures.reading import SHORT_MAX

Bools = npt.NDArray[np.bool_]
Orientation = Literal["auto", "upright", "stored"]
Rule = Literal["auto", "ge128", "gt0", "half_max", "lt128", "alpha", "index"]

AUTO = "auto"
RULES = {  # what they mean, for messages and reports
    AUTO: "decided for the folder: opaque, or any colour but black, or grey from half of what was painted on",
    "ge128": "grey >= 128",
    "gt0": "grey > 0",
    "half_max": "grey >= half of the mask's maximum",
    "lt128": "grey < 128 (white surroundings, dark defects)",
    "alpha": "opaque pixels of a mask with transparency",
    "index": "palette index other than 0",
}
WRITTEN = "gt0"  # reads what adtool writes: 0 and 255
UNLIKE_WRITTEN = ("lt128", "alpha")  # rules that read that otherwise
ORIENTATIONS = get_args(Orientation)
THRESHOLD = 128


@dataclass(frozen=True)
class MaskRule:
    """What counts as painted in the masks of a folder.

    Attributes:
        rule: one of `RULES`.
        exact: levels in files that keep values.
        lossy: levels in files that change them.
        by: how many masks were read by what.
    """

    rule: str = AUTO
    exact: PaintedLevels = field(default_factory=PaintedLevels)
    lossy: PaintedLevels = field(default_factory=PaintedLevels)
    by: tuple[tuple[str, int], ...] = ()

    def marked(self, sheet: MaskFile) -> Bools:
        """Defect pixels of a mask, (H, W) bool."""
        if self.rule != AUTO:
            return _by_rule(sheet, self.rule)
        painted = self.lossy if sheet.is_lossy else self.exact
        return np.asarray(sheet.marks >= painted.limit(mask_levels.count(sheet.marks)))

    def text(self) -> str:
        """What was decided, in some words."""
        if self.rule != AUTO:
            return f"{RULES[self.rule]} (--mask-rule {self.rule})"
        ways = [f"{number} by {by}" for by, number in self.by]
        levels = sorted({*self.exact.levels, *self.lossy.levels})
        peaks = f", painted with level {mask_levels.listed(levels)}" if levels else ""
        return f"{', '.join(ways)}{peaks}"


def decide(paths: Iterable[Path], rule: str = AUTO) -> MaskRule:
    """What counts as painted in some masks; files that can't be read don't count."""
    if rule != AUTO:
        return MaskRule(rule)
    looks = [look for look in parallel.each(_counted, paths) if look is not None]
    ways = sorted({by for by, _, _ in looks})
    return MaskRule(
        rule,
        mask_levels.decide(count for _, is_lossy, count in looks if not is_lossy),
        mask_levels.decide(count for _, is_lossy, count in looks if is_lossy),
        tuple((way, sum(by == way for by, _, _ in looks)) for way in ways),
    )


def count_marked(decision: MaskRule, paths: Iterable[Path]) -> list[tuple[int, int]]:
    """(defect pixels, all pixels) of each mask; those that can't be read don't count."""
    return [one for one in parallel.each(lambda path: _marked(decision, path), paths) if one is not None]


def told(decision: MaskRule, marked: Sequence[tuple[int, int]]) -> str:
    """One line with what was decided and how many pixels that marks.

    Args:
        decision: what counts as painted.
        marked: (defect pixels, all pixels) of each mask.
    """
    painted, pixels = sum(one for one, _ in marked), sum(size for _, size in marked)
    noun = "mask" if len(marked) == 1 else "masks"
    return (
        f"{painted:,} of {pixels:,} pixels of {len(marked)} {noun} count as defect: {decision.text()}. "
        f"Not as meant? --mask-rule {' '.join(RULES)}"
    )


def _marked(decision: MaskRule, path: Path) -> tuple[int, int] | None:
    try:
        marked = decision.marked(read_sheet(path))
    except decoding.UnreadableImageError:
        return None
    return int(marked.sum()), marked.size


def _counted(path: Path) -> tuple[str, bool, LevelCount] | None:
    try:
        sheet = read_sheet(path)
    except BadDataError:
        return None  # said by whoever reads it for its pixels
    return sheet.by, sheet.is_lossy, mask_levels.count(sheet.marks)


def read_mask(path: Path, rule: str = AUTO, *, limited: bool = True) -> Bools:
    """True defect pixels of a mask that stands alone, (H, W) bool, turned by its own tag.

    Args:
        path: the mask file.
        rule: one of `RULES`; `auto` decides from this mask.
        limited: whether it may not have more pixels than the limit, as what adtool wrote itself may.

    Raises:
        UnreadableImageError: not an image.
    """
    sheet = read_sheet(path, limited=limited)
    decision = MaskRule(rule)
    if rule == AUTO:
        painted = mask_levels.decide([mask_levels.count(sheet.marks)])
        decision = MaskRule(rule, painted, painted)
    return decoding.turned(decision.marked(sheet), sheet.header.orientation)


def is_painted(path: Path) -> bool:
    """Whether a mask marks anything; one that can't be read does not."""
    try:
        return bool(read_mask(path).any())
    except decoding.UnreadableImageError:
        return False


@dataclass
class MaskReader:
    """Reads the masks of a folder, each turned as its image is.

    Attributes:
        decision: what counts as painted.
        orientation: what a mask without a tag shows whose image has one: `upright`, as viewers show the image,
            `stored`, as the image's file has it, or `auto`: what fits the image's size.
        upright: whether images are turned by their tags at all.
        doubtful: masks that fit both ways and were taken as upright.
    """

    decision: MaskRule
    orientation: str = AUTO
    upright: bool = True
    doubtful: set[Path] = field(default_factory=set)

    def read(self, path: Path, image: Path) -> Bools:
        """The defect pixels of an image, (H, W) bool.

        Raises:
            UnreadableImageError: one of them is not an image.
        """
        sheet = read_sheet(path)
        turn, is_doubtful = self.turn(sheet.header, decoding.header_of(image))
        if is_doubtful:
            self.doubtful.add(path)
        return decoding.turned(self.decision.marked(sheet), turn)

    def turn(self, mask: Header, image: Header) -> tuple[int, bool]:
        """How to turn a mask so that it lies on its image: an orientation, and whether that is doubtful.

        Args:
            mask: what its file says.
            image: what the image's file says.
        """
        if not self.upright:
            return UPRIGHT, False
        if mask.tag != UPRIGHT:
            return mask.orientation, False
        if image.tag == UPRIGHT or self.orientation == "upright":
            return UPRIGHT, False
        fits_upright, fits_stored = mask.size == image.shown(), mask.size == image.stored
        if self.orientation == "stored" or (fits_stored and not fits_upright):
            return image.tag, False
        return UPRIGHT, fits_stored

    def size(self, path: Path, image: Path) -> tuple[int, int]:
        """(height, width) of a mask once it lies on its image, from the headers.

        Raises:
            UnreadableImageError: one of them is not an image.
        """
        mask = read_sheet(path).header if path.is_dir() else decoding.header_of(path)
        turn, _ = self.turn(mask, decoding.header_of(image))
        return mask.size[::-1] if turn >= decoding.SIDEWAYS else mask.size


def _by_rule(sheet: MaskFile, rule: str) -> Bools:
    if rule == "alpha":
        if sheet.opacity is None:
            raise BadDataError("The mask rule 'alpha' needs masks with transparency, and some have none.")
        return np.asarray(sheet.opacity >= THRESHOLD)
    if rule == "index":
        return np.asarray((sheet.marks if sheet.index is None else sheet.index) > 0)
    grey = _eight_bits(sheet.marks)
    if rule == "half_max":
        return np.asarray(2 * grey >= max(int(grey.max(initial=0)), 1))
    if rule == "ge128":
        return np.asarray(grey >= THRESHOLD)
    return np.asarray(grey < THRESHOLD if rule == "lt128" else grey > 0)


def _eight_bits(marks: Levels) -> Levels:
    """A deep mask's full range as 0 to 255; one that holds no value above 255 keeps its values: they number defects."""
    return marks if marks.max(initial=0) <= TOP else marks // (SHORT_MAX // TOP)
