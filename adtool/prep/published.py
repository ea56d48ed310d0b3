"""Downloads with a folder a category, in MVTec AD layout or nearly so: what must be there, and how it is written."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.config import READS
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.progress import track
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.words import counted
from adtool.prep.finding import find_source
from adtool.prep.reading import ReadingSettings
from adtool.prep.writing import SHOWN, DatasetProfile, DatasetWriter, ReadingRules, prepare

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Published:
    """A data set as its authors published it.

    Attributes:
        name: on the command line.
        title: what it is called.
        counts: images of each folder (`train/ok`, `test/ko`) of each category.
        normal: the normal kind's folder.
        mask_rule: what a defect pixel is in its masks.
        expected: the tree, for messages.
        where: it is published, for messages.
        licence: what its authors say.
    """

    name: str
    title: str
    counts: Mapping[str, Mapping[str, int]]
    normal: str
    mask_rule: str
    expected: str
    where: str
    licence: str

    def looks_right(self, folder: Path) -> bool:
        """Whether a folder is the download, or a part of it; what adtool wrote is not."""
        if (folder / layout.STEP_FILE).exists():
            return False
        wanted = [folder / name / place for name, places in self.counts.items() for place in places]
        return any(place.is_dir() for place in wanted)


class PublishedConfig(ReadingSettings):
    """Settings of such a download."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **ReadingSettings.NOT_IDENTITY,
        "source": "its files are inputs",
        "category": "noted as those that were made",
        "out": "where, not what",
    }
    source: Path | None = Field(
        None, description="Folder of the download; else it is searched for.", json_schema_extra={READS: True}
    )
    category: tuple[str, ...] = Field((), description="Category; repeat it for several. All if left out.")
    out: Path = Field(Path("data"), description="Folder to write.")


def run(published: Published, config: PublishedConfig, *, force: bool) -> Outcome:
    """Write a download as one data set in MVTec AD layout, its normal kind called `good`.

    Raises:
        UsageError: there is no category of a wanted name.
        MissingInputError: the download was not found, or is not complete.
    """
    names = chosen(published.title, published.counts, config.category)
    root = find_source(
        config.source,
        published.looks_right,
        name=published.title,
        expected=published.expected,
        published=published.where,
    )
    absent = [name for name in names if not dataset_folder.is_category(root / name)]
    if absent:
        raise MissingInputError(
            f"{root} lacks {len(absent)} of {len(names)} categories of {published.title}: {', '.join(absent)} "
            f"(expected: {published.expected}). Complete the download, or choose what is there with --category."
        )
    categories = [_read(root / name, published) for name in names]
    good = layout.NORMAL_KIND
    rule = config.mask_rule or published.mask_rule
    about = DatasetProfile(
        published.name, tuple(names), good, rule, published.title, published.licence, look_at=config.part
    )
    every = [(one, item) for one in categories for item in (*one.train, *one.test)]
    inputs = {
        "images": files.fingerprint((f"{one.name}/{item.id}", item.image) for one, item in every),
        "masks": files.fingerprint((f"{one.name}/{item.id}", item.mask) for one, item in every if item.mask),
    }
    identity = Identity(f"prep {published.name}", {"category": names, **config.identity(if_changed=True)}, 0, inputs)

    def fill(writer: DatasetWriter) -> None:
        for category, item in track(every, f"prep {published.name}"):
            kind = good if item.kind == published.normal else item.kind
            if writer.link_image(category.name, item.split, kind, item.image) and item.mask and kind != good:
                writer.convert_mask(category.name, kind, item.mask, item.image, name=item.image.stem)

    found = {one.name: _found(one) for one in categories}
    for several in found.values():
        remarks.say(several)
    masks = [item.mask for _, item in every if item.mask]
    how = ReadingRules(masks, config.reader(masks, published.mask_rule), found=found)
    return prepare(about, config.out, identity, fill, how, force=force)


def chosen(title: str, known: Mapping[str, object], wanted: Sequence[str], what: str = "category") -> list[str]:
    """The wanted categories (or `what`) in the order of publication, all if none is named.

    Raises:
        UsageError: there is none of that name.
    """
    strange = [name for name in wanted if name not in known]
    if strange:
        raise UsageError(f"{title} has no {what} '{strange[0]}'. It has: {', '.join(known)}.")
    return [name for name in known if not wanted or name in wanted]


def _read(folder: Path, published: Published) -> Category:
    """A category of the download; what a half-downloaded one lacks is an error, what is odd is said.

    Raises:
        MissingInputError: a folder holds no images, or none of its defective images has a mask.
    """
    (category,) = dataset_folder.read_dataset(folder, is_quiet=True).categories.values()
    there = {place: 0 for place in published.counts[folder.name]}
    for item in (*category.train, *category.test):
        place = f"{item.split}/{item.kind}"
        there[place] = there.get(place, 0) + 1
    empty = [place for place, count in there.items() if not count]
    if empty:
        raise MissingInputError(f"{folder} holds no images in {', '.join(empty)}. Complete the download.")
    for place, count in there.items():
        wanted = published.counts[folder.name].get(place)
        if wanted is None:
            log.warning("%s/%s is no folder of %s: taken as it is.", folder, place, published.title)
        elif count != wanted:
            there_are = counted(count, "image")
            log.warning("%s/%s: %s, but %d were published. Is it complete?", folder, place, there_are, wanted)
    require_masks(folder, [item for item in category.test if item.kind != published.normal])
    return category


def _found(category: Category) -> list[Finding]:
    return [*category.remarks, *remarks.of(rules.MASK_STRAY, category.stray_masks)]


def require_masks(folder: Path, defective: Sequence[Sample]) -> None:
    """Refuse a kind without any mask, which was not downloaded.

    Raises:
        MissingInputError: no image of a kind has one.
    """
    for kind in sorted({item.kind for item in defective}):
        items = [item for item in defective if item.kind == kind]
        bare = [item.image for item in items if item.mask is None]
        if len(bare) == len(items):
            shown = ", ".join(image.name for image in bare[:SHOWN])
            raise MissingInputError(
                f"{folder / layout.GROUND_TRUTH / kind} has no mask of any of the {len(bare)} images of that kind "
                f"({shown} ...). Complete the download."
            )
