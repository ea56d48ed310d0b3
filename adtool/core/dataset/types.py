"""Samples, categories and data sets: what `sample.read_dataset` finds in a folder."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from adtool.core import files, layout
from adtool.core.checks.findings import Finding
from adtool.core.errors import MissingInputError
from adtool.core.folders.listing import mask_files
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader
from adtool.core.pictures.survey import Survey
from adtool_runtime.pictures.reading import PLAIN, PictureReading


@dataclass(frozen=True)
class Sample:
    """One image of a data set; `id` is its path below the category without the last suffix.

    A mask is a file, or a folder of files that together are the mask (MVTec LOCO).
    """

    category: str
    id: str
    split: str
    kind: str
    image: Path
    mask: Path | None = None
    reading: PictureReading = PLAIN  # how the data set's pictures are read


@dataclass(frozen=True)
class Category:
    """All samples of one category."""

    name: str
    path: Path
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    normal_kinds: frozenset[str]
    stray_masks: tuple[Path, ...] = ()
    mask_rule: str = mask_reader.AUTO
    mask_orientation: str = mask_reader.AUTO
    remarks: tuple[Finding, ...] = ()  # on files that were not read, and the like
    unread: tuple[str, ...] = ()  # names of test images that `prep` left out, since they could not be read

    @property
    def reading(self) -> PictureReading:
        """How its pictures are read."""
        return next((one.reading for one in (*self.train, *self.test)), PLAIN)

    @cached_property
    def masks(self) -> MaskReader:
        """Reads its masks; what counts as painted is decided for all of them together."""
        paths = [one.mask for one in self.test if one.mask is not None]
        return MaskReader(mask_reader.decide(paths, self.mask_rule), self.mask_orientation, self.reading.upright)

    @property
    def knows_masks(self) -> bool:
        """Whether what counts as painted in its masks was decided, which reads all of them."""
        return "masks" in vars(self)

    def knowing_masks(self, masks: MaskReader) -> "Category":
        """The same, with what reads its masks, as another process decided."""
        found = replace(self)
        vars(found)["masks"] = masks
        return found

    def is_normal(self, sample: Sample) -> bool:
        """Whether the sample's kind is the normal one."""
        return sample.kind in self.normal_kinds

    @property
    def is_labelled(self) -> bool:
        """Whether any test image has a known kind."""
        return any(sample.kind != layout.UNKNOWN_KIND for sample in self.test)

    @property
    def kinds(self) -> list[str]:
        """Kinds of the test images, sorted."""
        return sorted({sample.kind for sample in self.test})

    def is_combined(self, sample: Sample) -> bool:
        """Whether a test image shows several of the category's kinds of defect at once, so that it is of none.

        Its kind says so (`combined`, as in MVTec AD); where no other kind of defect is there, that is a kind itself.
        """
        return sample.kind == layout.COMBINED_KIND and self._has_single_kinds

    @cached_property
    def _has_single_kinds(self) -> bool:
        return bool(set(self.kinds) - self.normal_kinds - {layout.COMBINED_KIND, layout.UNKNOWN_KIND})

    @property
    def unmasked(self) -> list[Sample]:
        """Defective test images that have no mask."""
        return [
            sample
            for sample in self.test
            if sample.mask is None and not self.is_normal(sample) and sample.kind != layout.UNKNOWN_KIND
        ]

    def fingerprint(self) -> str:
        """Hash of the images; labels and masks don't enter, since no map depends on them."""
        return files.fingerprint((sample.id, sample.image) for sample in (*self.train, *self.test))

    def label_fingerprint(self) -> str:
        """Hash of kinds and masks, for what is computed from labels."""
        pairs = ((one, path) for one in self.test for path in (mask_files(one.mask) if one.mask else [one.image]))
        return files.fingerprint((f"{one.id}:{one.kind}", path) for one, path in pairs)


@dataclass(frozen=True)
class NormalKinds:
    """Which kinds are normal, and how they are told: as the data set's card notes, and as the user says.

    Attributes:
        noted: in the card.
        said: by the user.
        as_named: whether every folder of a split is a kind, since `prep` decided so.
        mask_rule: what counts as defect in masks.
    """

    noted: frozenset[str]
    said: frozenset[str]
    as_named: bool = False
    mask_rule: str = mask_reader.AUTO


@dataclass(frozen=True)
class Dataset:
    """A data set folder that was read; `prepared` is what `prep` found in its source and what is not seen any more."""

    path: Path
    name: str
    categories: dict[str, Category] = field(default_factory=dict)
    mask_rule: str = mask_reader.AUTO
    is_flat: bool = False
    mask_orientation: str = mask_reader.AUTO
    pictures: Survey = field(default_factory=Survey)
    prepared: tuple[Finding, ...] = ()

    @property
    def reading(self) -> PictureReading:
        """How its pictures are read."""
        return self.pictures.reading

    def category(self, name: str) -> Category:
        """One category by name.

        Raises:
            MissingInputError: there is none of that name.
        """
        if name not in self.categories:
            raise MissingInputError(
                f"{self.path} has no category '{name}'. It has: {', '.join(sorted(self.categories))}."
            )
        return self.categories[name]

    def select(self, wanted: Iterable[str]) -> list[Category]:
        """The named categories, or all of them for an empty list."""
        chosen = list(dict.fromkeys(wanted)) or sorted(self.categories)
        return [self.category(name) for name in chosen]
