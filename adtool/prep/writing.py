"""Writing a data set in MVTec AD layout, resumable and without touching the source."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adtool.core import arrays, files, layout
from adtool.core.arrays import Bools, Bytes, UnreadableImageError
from adtool.core.checks.findings import SHOWN as SHOWN
from adtool.core.checks.findings import Finding
from adtool.core.dataset import dataset_card, dataset_folder
from adtool.core.errors import BadDataError
from adtool.core.masks import mask_checks, mask_reader
from adtool.core.masks.mask_checks import Masked
from adtool.core.masks.mask_reader import MaskReader
from adtool.core.steps import inventory, whole_folder
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.steps.whole_folder import WholeFolder
from adtool.prep import doubts, pages
from adtool.prep.indexing import DatasetProfile as DatasetProfile
from adtool.prep.indexing import counts, index
from adtool_runtime.pictures import decoding

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class ReadingRules:
    """How the pictures and masks of a source are read.

    Attributes:
        mask_files: that will be converted.
        masks: reads them, where what counts as painted was decided before.
        all_pages: whether each page of a file becomes an image.
        found: in the source, by category; it is said already.
    """

    mask_files: Sequence[Path] = ()
    masks: MaskReader | None = None
    all_pages: bool = False
    found: Mapping[str, Sequence[Finding]] = field(default_factory=dict)


@dataclass
class DatasetWriter:
    """Adds images and masks to a data set folder; a file that is there is not written again."""

    out: Path
    about: DatasetProfile
    how: ReadingRules = field(default_factory=ReadingRules)
    unreadable: dict[str, list[str]] = field(default_factory=dict)  # by category
    unread: dict[str, list[str]] = field(default_factory=dict)  # names of test images among those
    masked: dict[str, list[Masked]] = field(default_factory=dict)  # by category

    def __post_init__(self) -> None:
        self.masks = self.how.masks or MaskReader(mask_reader.decide(self.how.mask_files, self.about.mask_rule))
        if self.how.mask_files:
            marked = mask_reader.count_marked(self.masks.decision, self.how.mask_files)
            log.info("%s", mask_reader.told(self.masks.decision, marked))

    def folder(self, category: str) -> Path:
        """A single category has no level of its own."""
        return self.out if len(self.about.categories) == 1 else self.out / category

    def link_image(self, category: str, split: str, kind: str, source: Path, name: str = "") -> bool:
        """Link or copy an image file under its own name, or another; False for an unreadable one, which is noted."""
        target = self.folder(category) / split / kind / (name or source.name)
        if target.exists():
            return True
        try:
            if self.how.all_pages and decoding.header_of(source).pages > 1:
                pages.write_images(source, target)
                return True
            arrays.read_image(source)
        except UnreadableImageError as error:
            self.unreadable.setdefault(category, []).append(str(error))
            if split == layout.TEST:
                self.unread.setdefault(category, []).append(source.name)
            return False
        files.link_or_copy(source, target)
        return True

    def write_image(self, category: str, split: str, kind: str, name: str, image: Bytes) -> None:
        """Write a made image, (H, W, 3) uint8, as `<name>.png`."""
        target = self.folder(category) / split / kind / f"{name}.png"
        if not target.exists():
            arrays.write_png(target, image)

    def write_mask(self, category: str, kind: str, name: str, mask: Bools) -> None:
        """Write the true defect pixels of an image, (H, W) bool, as `<name>_mask.png`."""
        target = self.folder(category) / layout.GROUND_TRUTH / kind / f"{name}_mask.png"
        if not target.exists():
            arrays.write_mask(target, mask)

    def convert_mask(self, category: str, kind: str, source: Path, image: Path, *, name: str) -> None:
        """Write a mask file as 0/255 `<name>.png`, upright, by the data set's rule.

        Raises:
            BadDataError: the mask's size is not the image's.
        """
        target = self.folder(category) / layout.GROUND_TRUTH / kind / f"{name}.png"
        header = decoding.header_of(image)
        if self.how.all_pages and header.pages > 1:
            pages.write_masks(self.masks, source, image, target)
            return
        marked, look = mask_checks.look_at(self.masks, source, header)
        require_size(source, look.size, image, header.shown())
        self.masked.setdefault(category, []).append(Masked(image, source, header.shown(), look, kind.split("/")[0]))
        if not target.exists():
            arrays.write_mask(target, marked)


def require_size(mask: Path, size: tuple[int, ...], image: Path, wanted: tuple[int, int]) -> None:
    """Refuse a mask of another (height, width) than its image.

    Raises:
        BadDataError: they differ.
    """
    if size != wanted:
        raise BadDataError(
            f"The mask {mask} has {size[1]} x {size[0]} pixels, its image {image} {wanted[1]} x {wanted[0]}. "
            "Correct the mask, or move both out of the way."
        )


def prepare(
    about: DatasetProfile,
    out: Path,
    identity: Identity,
    fill: Callable[[DatasetWriter], None],
    how: ReadingRules | None = None,
    *,
    force: bool,
) -> Outcome:
    """Write a whole data set: `running`, the files, the index, `done`.

    Args:
        about: what the data set is.
        out: its folder.
        identity: what decides its content.
        fill: adds the images and masks to a writer.
        how: pictures and masks are read, where that is not as usual.
        force: redo it when it was made with other settings.
    """
    if about.look_at is not None:
        identity = replace(identity, inputs={**identity.inputs, "look-at": about.look_at.text})
    outcome = Outcome(identity.command, out)
    asked = WholeFolder(out, identity, missing=lambda _: inventory.of_dataset(out), restarts=True)
    with whole_folder.writing(asked, force=force) as work:
        if work.is_done:
            outcome.skipped.append(out.name)
            outcome.rows = _noted_counts(out)
        else:
            writer = DatasetWriter(out, about, how or ReadingRules())
            fill(writer)
            outcome.notes += unreadable_notes([text for texts in writer.unreadable.values() for text in texts])
            kept = doubts.of_source(writer.how.found, writer.unreadable, writer.masked)
            data = index(out, about, kept, writer.unread)
            doubts.say(data, writer.masked)
            outcome.done += about.categories
            outcome.rows = counts(data)
    return outcome


def _noted_counts(out: Path) -> list[dict[str, object]]:
    """The counts that the card of a finished data set holds: its folders may be written anew while we look."""
    found = dataset_card.read(out / layout.DATASET_FILE).counts
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return found
    return counts(dataset_folder.read_dataset(out, is_in_work=True))


def unreadable_notes(errors: list[str]) -> list[str]:
    """One line about images that were left out, none if there are none."""
    if not errors:
        return []
    noun = "image" if len(errors) == 1 else "images"
    more = f" (and {len(errors) - SHOWN} more)" if len(errors) > SHOWN else ""
    line = f"skipped {len(errors)} unreadable {noun}: {'; '.join(errors[:SHOWN])}{more}"
    log.warning(line)
    return [line]
