"""Where a test image of one's own goes: which subfolders are kinds, and which only keep order."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adtool.core import layout
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.dataset.labels import DEFECT, says_kind
from adtool.core.folders import kinds
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader

NORMAL = layout.NORMAL_KIND

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Subfolders:
    """The subfolders of a folder of test images.

    Attributes:
        root: the folder.
        kinds: those that are kinds.
        plain: those that only keep order.
        because: why.
        inside: kinds that lie in those.
    """

    root: Path
    kinds: tuple[str, ...]
    plain: tuple[str, ...]
    because: str
    inside: tuple[str, ...] = ()

    def say(self) -> None:
        """Tell which of them were taken for kinds."""
        if self.kinds:
            log.info("Subfolders of %s taken as kinds, %s: %s.", self.root, self.because, _some(self.kinds))

    def doubts(self, where: Mapping[Path, str]) -> list[Finding]:
        """Those that were taken as just folders.

        Args:
            where: each image goes, as `place` says.
        """
        inside = {image: image.relative_to(self.root).parts[0] in self.plain for image in where}
        return remarks.of_plain(self.root, self.plain, {where[image].split("/")[0] for image in where if inside[image]})

    def place(self, image: Path, mask: Path | None, painted: MaskReader) -> str:
        """The folder of an image below the split: of its kind, or of what its mask says, and below it as it was."""
        own = image.relative_to(self.root).parent
        if own.parts and own.parts[0] in (*self.kinds, layout.UNKNOWN_KIND):
            return own.as_posix()
        inner = next((part for part in own.parts[1:] if part in self.inside), None)
        if inner is not None:
            return Path(inner, *(part for part in own.parts if part != inner)).as_posix()
        kind = layout.UNKNOWN_KIND
        if mask is not None:
            kind = DEFECT if painted.decision.marked(mask_reader.read_sheet(mask)).any() else NORMAL
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
    inside = [mask for image, mask in masked.items() if len(parts[image]) > 1]
    return _as_named(root, names, list(parts.values()), with_masks=_paint_kinds(inside))


def _as_named(root: Path, names: Sequence[str], parts: Sequence[Sequence[str]], *, with_masks: bool) -> Subfolders:
    """Which subfolders are kinds by their names: once one is, or masks lie in them, all but places and dates."""
    known = {name for name in names if says_kind(name)}
    taken = [name for name in names if name in known or not kinds.is_place(name)] if known or with_masks else []
    plain = set(names) - set(taken)
    inside = {name for one in parts if one[0] in plain for name in one[1:-1] if says_kind(name)}
    why = "as their names say" if known else "since there are masks in the same subfolders"
    return Subfolders(root, tuple(taken), tuple(sorted(plain)), why, tuple(sorted(inside)))


def _paint_kinds(masked: Sequence[Path]) -> bool:
    """Whether masks say that their subfolders are kinds of defect: not where most of them are black (KolektorSDD)."""
    return 2 * sum(mask_reader.is_painted(mask) for mask in masked) > len(masked)


def _some(names: Sequence[str]) -> str:
    shown = 6
    return ", ".join(names[:shown]) + (" ..." if len(names) > shown else "")
