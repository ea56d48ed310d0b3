"""What can be wrong with the masks of a category; `check` and `prep` say the same of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core import decoding, layout, mask_levels
from adtool.core.decoding import Header
from adtool.core.findings import ERROR, WARNING, Findings, Rule
from adtool.core.masks import AUTO, Bools, Decision, Masks, Sheet, read_sheet

HALF = 0.5
BORDER = 0.9  # share of the border that is white in an inverted mask; real defects that large leave some of it

MASK_UNREADABLE = Rule(
    "mask_unreadable", ERROR, "mask", "that can't be read", "Replace or remove; `adtool report` stops at it."
)
MASK_SIZE = Rule(
    "mask_size", ERROR, "mask", "of another size than the image", "Export the mask again, at the size of the image."
)
MASK_INVERTED = Rule(
    "mask_inverted",
    ERROR,
    "mask",
    "in which the surroundings are white and the defect is black",
    "Most masks here look inverted. White (255) is defect, black (0) is not: invert them, or prepare the data set with "
    "--mask-rule lt128.",
)
MASK_MOSTLY_WHITE = Rule(
    "mask_mostly_white",
    WARNING,
    "mask",
    "white over more than half of the image and along its border",
    "Look at it: if the defect is black, invert the mask. White (255) is defect, black (0) is not.",
)
MASK_EMPTY = Rule(
    "mask_empty",
    WARNING,
    "defective image",
    "with an all-black mask",
    "Paint the defect, or delete the mask file (then pixel metrics leave the image out).",
)
MASK_ON_NORMAL = Rule(
    "mask_on_normal",
    WARNING,
    "normal image",
    "with a mask that marks a defect",
    "Move the image to the folder of its defect, or delete the mask; the report ignores it.",
)
MASK_MISSING = Rule(
    "mask_missing",
    WARNING,
    "defective image",
    "without a mask",
    "Add ground_truth/<kind>/<name>_mask.png; without it pixel metrics leave the image out.",
)
MASK_STRAY = Rule(
    "mask_stray",
    WARNING,
    "mask",
    "without an image of that name",
    "Name it like its image, in the same subfolder (<name>.png or <name>_mask.png), or remove it.",
)
MASK_SOFT = Rule(
    "mask_soft",
    WARNING,
    "mask",
    "with soft edges or greys between those that were painted",
    "From half of what was painted on it counts as defect. `adtool prep` writes masks of 0 and 255 (--mask-rule).",
)
MASK_LEVELS = Rule(
    "mask_levels",
    WARNING,
    "mask",
    "painted with several greys or colours",
    "All of them count as defect. If some do not, say what counts: `adtool prep folder` or `mvtec` with --mask-rule.",
)
MASK_TURN_DO = (
    "both as stored and as its orientation tag turns it, and is taken as upright, as viewers show the image (was it "
    "drawn on the stored picture? `adtool prep folder` or `mvtec` with --mask-orientation stored)"
)
MASK_TURN = Rule(
    "mask_turn_doubtful",
    WARNING,
    "mask",
    "fitting the image both as it is stored and as its orientation tag turns it",
    "Taken as upright, as viewers show the image. Was it drawn on the stored picture? `adtool prep folder` or `mvtec` "
    "with --mask-orientation stored.",
)


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


@dataclass(frozen=True)
class Masked:
    """An image with its mask, as it was looked at."""

    image: Path
    mask: Path
    size: tuple[int, int] | None  # of the image, None if it can't be read
    look: MaskLook
    kind: str


def look_at(masks: Masks, path: Path, image: Header | None) -> tuple[Bools, MaskLook]:
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


def _levels(sheet: Sheet, decision: Decision) -> tuple[bool, int]:
    """Whether there are levels between those that were painted, and the number of those."""
    there = np.unique(sheet.marks[sheet.marks > 0])
    if there.size <= 1:
        return False, there.size
    if there[-1] <= mask_levels.NUMBERS:  # small numbers are numbers of defects, as in VisA
        return False, 1
    known = {*decision.exact.levels, *decision.lossy.levels}
    painted = len(known & set(there.tolist())) if decision.rule == AUTO else 1
    return bool(there.size > max(painted, 1)), 1 if sheet.is_lossy else painted


def check(where: str, masked: Sequence[Masked], is_normal: Callable[[str], bool], found: Findings) -> None:
    """Note what is wrong with the masks of a category.

    Args:
        where: the category, for the finding.
        masked: images with their masks.
        is_normal: whether a kind is the normal one.
        found: to be added to.
    """
    other = [(one, one.size) for one in masked if one.size is not None and one.size != one.look.size]
    found.add(MASK_SIZE, where, (f"{one.mask}: {_size(one.look.size)}, image {_size(size)}" for one, size in other))
    white = [one.mask for one in masked if one.look.share > HALF and one.look.border > BORDER]
    marked = [one for one in masked if one.look.share > 0]
    found.add(MASK_INVERTED if len(white) > HALF * len(marked) else MASK_MOSTLY_WHITE, where, white)
    defects = [one for one in masked if not is_normal(one.kind) and one.kind != layout.UNKNOWN_KIND]
    found.add(MASK_EMPTY, where, (one.image for one in defects if not one.look.share))
    normals = [one for one in masked if is_normal(one.kind) and one.look.share]
    found.add(MASK_ON_NORMAL, where, (f"{one.image} ({one.look.share:.1%} of its pixels)" for one in normals))
    found.add(MASK_SOFT, where, (one.mask for one in masked if one.look.soft))
    found.add(MASK_LEVELS, where, (f"{one.mask} ({one.look.levels})" for one in masked if one.look.levels > 1))
    found.add(MASK_TURN, where, (one.mask for one in masked if one.look.doubtful))


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]} pixels"
