"""Where a test image of one's own goes: which subfolders are kinds, and which only keep order."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adtool.core import kinds, layout, masks
from adtool.core.masks import Masks

NORMAL, DEFECT = "good", "defect"

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Subfolders:
    """The subfolders of a folder of test images.

    Attributes:
        root: the folder.
        kinds: those that are kinds.
        plain: those that only keep order.
        because: why.
    """

    root: Path
    kinds: tuple[str, ...]
    plain: tuple[str, ...]
    because: str

    def say(self) -> None:
        """Tell which of them were taken for what."""
        if self.kinds:
            log.info("Subfolders of %s taken as kinds, %s: %s.", self.root, self.because, _some(self.kinds))
        if self.plain:
            log.warning(
                "Subfolders of %s taken as just folders, of unknown kind, %s: %s. If they are kinds of defect: "
                "--kinds-from-folders.",
                self.root, "since they name no kind" if self.kinds else self.because, _some(self.plain),
            )  # fmt: skip

    def place(self, image: Path, mask: Path | None, painted: Masks) -> str:
        """The folder of an image below the split: of its kind, or of what its mask says, and below it as it was."""
        own = image.relative_to(self.root).parent
        if own.parts and own.parts[0] in (*self.kinds, layout.UNKNOWN_KIND):
            return own.as_posix()
        kind = layout.UNKNOWN_KIND
        if mask is not None:
            kind = DEFECT if painted.decision.marked(masks.read_sheet(mask)).any() else NORMAL
        return (Path(kind) / own).as_posix()


def subfolders(root: Path, images: Sequence[Path], masked: Mapping[Path, Path], *, asked: bool | None) -> Subfolders:
    """Which subfolders of a folder of images are kinds.

    Args:
        root: the folder.
        images: below it.
        masked: those that have a mask.
        asked: whether they are, where the user said so; else their names say it.
    """
    parts = {image: image.relative_to(root).parts for image in images}
    names = sorted({one[0] for one in parts.values() if len(one) > 1} - {layout.UNKNOWN_KIND})
    if asked is not None:
        option = f"as asked with --{'' if asked else 'no-'}kinds-from-folders"
        return Subfolders(root, tuple(names if asked else ()), tuple(() if asked else names), option)
    known = {name for name in names if kinds.is_normal(name) or kinds.is_defect(name)}
    with_masks = {parts[image][0] for image in masked if len(parts[image]) > 1}
    if not known and not with_masks:
        return Subfolders(root, (), tuple(names), "since none has the name of good parts or of a defect")
    taken = [name for name in names if name in known or not kinds.is_place(name)]
    why = "as their names say" if known else "since there are masks in the same subfolders"
    return Subfolders(root, tuple(taken), tuple(name for name in names if name not in taken), why)


def _some(names: Sequence[str]) -> str:
    shown = 6
    return ", ".join(names[:shown]) + (" ..." if len(names) > shown else "")
