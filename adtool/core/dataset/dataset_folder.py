"""Samples and data sets: what lies in a data set folder, read by name, never by sorted position.

Three layouts are read: MVTec AD (one folder a category), the same with a single category and no category
level, and a flat folder of unlabelled images.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from adtool.core import json_files, layout
from adtool.core.checks import remarks
from adtool.core.dataset import dataset_card, labels
from adtool.core.dataset.dataset_card import DatasetCard
from adtool.core.dataset.labels import KindReader
from adtool.core.dataset.types import Category as Category
from adtool.core.dataset.types import Dataset as Dataset
from adtool.core.dataset.types import NormalKinds
from adtool.core.dataset.types import Sample as Sample
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders import kinds, listing
from adtool.core.folders.listing import name_below, pair_masks, subfolders
from adtool.core.masks import among_images, mask_reader
from adtool.core.pictures.survey import Survey, survey
from adtool_runtime.pictures import reading
from adtool_runtime.pictures.reading import PictureReading


def _is_output(folder: Path) -> bool:
    """Whether a folder was written by adtool, as when the workspace itself is a flat folder of images."""
    return (folder / layout.STEP_FILE).exists()


def is_category(folder: Path) -> bool:
    """Whether a folder has the layout of one category: train/ and test/, at least one with something in it."""
    return any((folder / split).is_dir() and not listing.is_empty(folder / split) for split in layout.SPLITS)


def is_dataset(folder: Path) -> bool:
    """Whether a folder has the layout of a data set, with or without a category level."""
    if not folder.is_dir():
        return False
    return is_category(folder) or any(_is_own_category(sub) for sub in subfolders(folder))


def _is_own_category(folder: Path) -> bool:
    """Whether a folder is a category of the data set above it, not a data set of one category itself."""
    return is_category(folder) and not any((folder / name).exists() for name in (layout.DATASET_FILE, layout.STEP_FILE))


def find_dataset(folder: Path) -> Path:
    """The data set that `folder` is, or the only one that it holds.

    Raises:
        MissingInputError: none, or several.
    """
    if not folder.exists():
        raise MissingInputError(
            f"No data set at {folder}: the folder does not exist. Make one with `adtool prep`, or give --data."
        )
    if not folder.is_dir():
        raise MissingInputError(f"{folder} is a file. --data wants the folder of a data set.")
    if is_category(folder):
        return folder
    # A folder of data sets may hold one without a category level, which looks like a category of the folder itself.
    inside = [sub for sub in subfolders(folder) if is_dataset(sub) and not _is_own_category(sub)]
    categories = [sub for sub in subfolders(folder) if _is_own_category(sub)]
    if categories and not inside:
        return folder
    inside = sorted(inside + categories)
    if len(inside) == 1:
        return inside[0]
    if inside:
        listed = ", ".join(str(sub) for sub in inside)
        raise MissingInputError(f"{folder} holds several data sets: {listed}. Choose one with --data.")
    flat = listing.read(folder, leave_out=_is_output)
    if flat.images:
        return folder
    remarks.say(remarks.of_listing(flat))  # what lies there is perhaps no folder of images that can be read
    raise MissingInputError(
        f"No data set at {folder}: neither train/ and test/ folders nor images. "
        "Make one with `adtool prep`, or give --data."
    )


def read_dataset(
    folder: Path,
    *,
    is_in_work: bool = False,
    is_quiet: bool = False,
    twins: list[tuple[Path, Path]] | None = None,
    normal_kinds: Iterable[str] = (),
) -> Dataset:
    """Read a data set folder (or the only one inside).

    Args:
        folder: where it lies.
        is_in_work: whether it may be half written, as `adtool prep` itself sees it.
        is_quiet: whether nothing is said of the files, as where the caller does so.
        twins: if given, two files with the same id are added here instead of raised, and the first one counts; nor is
            anything said of the files, which is left to the remarks of the categories.
        normal_kinds: kinds that are normal besides those that the card or the names say.

    Raises:
        MissingInputError: there is no data set, or it is not finished.
        BadDataError: two files have the same id, or most of the pictures are of a type that can't be read.
    """
    path = find_dataset(folder)
    note = json_files.content(path / layout.STEP_FILE)[0]
    if isinstance(note, dict) and note.get("state") == "running" and not is_in_work:
        raise MissingInputError(f"The data set {path} is not finished. Run the same `adtool prep` again: it goes on.")
    card = dataset_card.read(path / layout.DATASET_FILE)
    data = _read_folders(path, card, twins, normal_kinds)
    if twins is None and not is_in_work and not is_quiet:
        remarks.say(remark for one in data.categories.values() for remark in one.remarks)
    return _with_reading(data, card)


def _read_folders(
    path: Path, card: DatasetCard, twins: list[tuple[Path, Path]] | None, normal_kinds: Iterable[str]
) -> Dataset:
    name, noted = card.name or path.resolve().name, frozenset(card.normal_kinds)
    as_named = bool(noted) and card.kinds != dataset_card.BY_NAME
    normal = NormalKinds(noted, frozenset(normal_kinds), as_named, card.mask_rule)
    if is_category(path):
        category = card.categories[0] if len(card.categories) == 1 else path.resolve().name
        return Dataset(path, name, {category: _read_category(path, category, normal, twins)})
    if is_dataset(path):
        subs = [sub for sub in subfolders(path) if _is_own_category(sub)]
        return Dataset(path, name, {sub.name: _read_category(sub, sub.name, normal, twins) for sub in subs})
    _refuse_other_case(path)
    category = path.resolve().name
    return Dataset(path, name, {category: unlabelled(path, category, twins)}, is_flat=True)


def _refuse_other_case(path: Path) -> None:
    """A folder with Train/ and Test/ is a data set to its owner, not a heap of images to test."""
    for folder in (path, *subfolders(path)):
        meant = [
            sub for sub in subfolders(folder) if sub.name.lower() in layout.SPLITS and sub.name not in layout.SPLITS
        ]
        if meant:
            raise BadDataError(
                f"{meant[0]}: a data set has {' and '.join(layout.SPLITS)} and {layout.GROUND_TRUTH}, in "
                f"small letters. Call it {meant[0].name.lower()}."
            )


def _with_reading(data: Dataset, card: DatasetCard) -> Dataset:
    """The data set with how its pictures and masks are read: as it is noted, else as all pictures together say."""
    rule = card.mask_rule
    # What `prep` wrote by a rule that turns black and white, or reads transparency, is 0 and 255 now.
    how = (
        mask_reader.WRITTEN if rule in mask_reader.UNLIKE_WRITTEN and (data.path / layout.STEP_FILE).exists() else rule
    )
    noted = card.reading
    every = [one for category in data.categories.values() for one in (*category.train, *category.test)]
    found = survey(
        [one.image for one in every],
        None if noted is None else reading.from_json(noted, str(data.path / layout.DATASET_FILE)),
    )
    categories = {
        name: replace(
            category,
            mask_rule=how,
            mask_orientation=card.mask_orientation,
            unread=tuple(card.unread.get(name, ())),
        )
        for name, category in data.categories.items()
    }
    prepared = dataset_card.findings(card)
    data = replace(
        data, categories=categories, mask_rule=rule, mask_orientation=card.mask_orientation, prepared=prepared
    )
    return read_so(data, found)


def read_so(data: Dataset, found: Survey) -> Dataset:
    """The data set with all its pictures read as the survey says."""
    categories = {
        name: replace(
            category,
            train=with_reading(category.train, found.reading),
            test=with_reading(category.test, found.reading),
        )
        for name, category in data.categories.items()
    }
    return replace(data, categories=categories, pictures=found)


def with_reading(samples: Iterable[Sample], how: PictureReading) -> tuple[Sample, ...]:
    """The samples with how they are read."""
    return tuple(one if one.reading == how else replace(one, reading=how) for one in samples)


def unlabelled(folder: Path, category: str, twins: list[tuple[Path, Path]] | None = None) -> Category:
    """All images below a folder, whose kinds nobody knows; pictures that adtool wrote there are left out.

    Args:
        folder: where.
        category: what they show.
        twins: see `read_dataset`.

    Raises:
        BadDataError: two files have the same id.
    """
    found = listing.read(folder, leave_out=_is_output)
    own = among_images.sort_out(found.images, folder)
    samples = [Sample(category, name_below(i, folder), layout.TEST, layout.UNKNOWN_KIND, i) for i in own.images]
    said = (*remarks.of_listing(found), *remarks.of_masks_among(own.masks.values(), own.unpaired))
    return Category(category, folder, (), _unique(samples, twins), frozenset(), remarks=said)


def _read_category(root: Path, category: str, normal: NormalKinds, twins: list[tuple[Path, Path]] | None) -> Category:
    train, test, truth = (listing.read(root / part) for part in (*layout.SPLITS, layout.GROUND_TRUTH))
    own, other = among_images.sort_out(train.images, train.root), among_images.sort_out(test.images, test.root)
    defective = among_images.drop_painted(own)
    learned = [
        Sample(category, name_below(image, root), layout.TRAIN, _kind(image, train.root), image) for image in own.images
    ]
    names = {image: name_below(image, test.root) for image in other.images}
    painted, strays = pair_masks(names.values(), truth.images, truth.root)
    drawn = {image: painted.get(name) or other.masks.get(image) for image, name in names.items()}
    told = KindReader(test.root, _plain(normal, test.root, names, learned), normal.mask_rule)
    tested = [
        Sample(category, name_below(image, root), layout.TEST, told.kind(image, mask), image, mask)
        for image, mask in drawn.items()
    ]
    there = {one.kind for one in (*learned, *tested)}
    # Whatever is trained on is normal; a test folder of the same name, or of a customary one, is normal too.
    customary = kinds.normal_kinds(there) | {one.kind for one in learned}
    normal_kinds = ((normal.noted or customary) | normal.said) - {layout.UNKNOWN_KIND}
    said = [
        *remarks.of_folders(train, test, truth),
        *remarks.of_misnamed_truth(root),
        *remarks.of_masks_among(other.masks.values(), (*own.left_out, *other.unpaired)),
        *remarks.of_painted(defective),
        *remarks.of_plain(
            test.root, told.plain, {one.kind for one in tested if _kind(one.image, test.root) in told.plain}
        ),
        *remarks.of_kinds({one.kind for one in tested} - {layout.UNKNOWN_KIND}, normal_kinds, test.root),
    ]
    learned_from, tested_on = _unique(learned, twins), _unique(tested, twins)
    return Category(category, root, learned_from, tested_on, normal_kinds, tuple(strays), remarks=tuple(said))


def _plain(normal: NormalKinds, split: Path, images: Iterable[Path], learned: Iterable[Sample]) -> frozenset[str]:
    """Folders of test images that are no kinds; in what `prep` wrote all of them are."""
    if normal.as_named:
        return frozenset()
    there = {_kind(image, split) for image in images} - {layout.UNKNOWN_KIND}
    return labels.plain_folders(there, {one.kind for one in learned})


def _kind(image: Path, split: Path) -> str:
    """The first folder below the split; images that lie in no kind's folder have the kind `unknown`."""
    parts = image.relative_to(split).parts
    return parts[0] if len(parts) > 1 else layout.UNKNOWN_KIND


def _unique(samples: list[Sample], twins: list[tuple[Path, Path]] | None) -> tuple[Sample, ...]:
    """The samples sorted by id; of two with the same id the first, where `twins` takes note of both.

    Raises:
        BadDataError: two files have the same id.
    """
    seen: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in seen and twins is not None:
            twins.append((seen[sample.id].image, sample.image))
            continue
        if sample.id in seen:
            raise BadDataError(
                f"Two files have the id '{sample.id}': {seen[sample.id].image} and {sample.image}. Rename one of them."
            )
        seen[sample.id] = sample
    return tuple(seen[key] for key in sorted(seen))
