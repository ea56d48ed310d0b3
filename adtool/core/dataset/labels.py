"""The kind of a test image: by the folders that it lies in and, where those say nothing, by its mask."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adtool.core import layout
from adtool.core.folders import kinds
from adtool.core.masks import mask_reader
from adtool_runtime.pictures.decoding import UnreadableImageError

DEFECT = "defect"  # kind of images of which only a mask says that they show one


@dataclass(frozen=True)
class KindReader:
    """How kinds are read from the folders of a split.

    Attributes:
        split: the folder.
        plain: folders in it that only keep order, by day or line, and are no kinds.
        mask_rule: what counts as defect in masks.
    """

    split: Path
    plain: frozenset[str] = frozenset()
    mask_rule: str = mask_reader.AUTO

    def kind(self, image: Path, mask: Path | None) -> str:
        """The first folder below the split; in one that only keeps order one that says a kind, else what the mask says.

        Args:
            image: below the split.
            mask: of it.
        """
        parts = image.relative_to(self.split).parts[:-1]
        if parts and parts[0] not in self.plain:
            return parts[0]
        inside = next((name for name in parts[1:] if says_kind(name)), None)
        return inside or self._painted(mask)

    def _painted(self, mask: Path | None) -> str:
        if mask is None:
            return layout.UNKNOWN_KIND
        try:
            return DEFECT if mask_reader.read_mask(mask, self.mask_rule).any() else layout.NORMAL_KIND
        except UnreadableImageError:
            return layout.UNKNOWN_KIND  # said by whoever reads the mask


def plain_folders(names: Iterable[str], learned: Iterable[str]) -> frozenset[str]:
    """Those of the folders of a test split whose names say where or when, and not what is on the images.

    Args:
        names: of all of them.
        learned: of the folders that are trained on: beside folders of defects one of the same name is normal.
    """
    there = set(names)
    places = {name for name in there if kinds.is_place(name)}
    return frozenset(places - (set(learned) if places < there else set()))


def says_kind(name: str) -> bool:
    """Whether the name of a folder is that of good parts or of a defect."""
    return kinds.is_normal(name) or kinds.is_defect(name)
