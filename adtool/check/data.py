"""What can be wrong with a data set."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adtool.check import reading, rules
from adtool.core import decoding, files, kinds, layout, mask_checks
from adtool.core.decoding import UnreadableImageError
from adtool.core.errors import BadDataError
from adtool.core.findings import ERROR, WARNING, Findings, Rule, counted
from adtool.core.listing import images_in
from adtool.core.mask_checks import Masked, MaskLook
from adtool.core.sample import Category, Dataset, Sample
from adtool.core.suffixes import is_image

FEW = 10  # training images below which memory and threshold are hardly worth anything
HARMLESS = ("readme", "license", "licence")


@dataclass(frozen=True)
class Look:
    """What the files of one sample hold; what can't be read is None, and why is in `problems`."""

    sample: Sample
    size: tuple[int, int] | None
    digest: str
    mask: MaskLook | None
    poor: str = ""
    image_problem: str = ""
    mask_problem: str = ""


def check(data: Dataset, categories: Iterable[Category], twins: Sequence[tuple[Path, Path]], found: Findings) -> None:
    """Read every file of some categories once, and note what is wrong."""
    for category in categories:
        before = len(found.found)
        samples = (*category.train, *category.test)
        own = [pair for pair in twins if category.path in pair[0].parents]
        found.add(rules.ID_TWICE, category.name, (f"{one} and {other.name}" for one, other in own))
        looks = list(reading.each(partial(_look, category), samples, f"check {category.name}"))
        _check_images(category, looks, found)
        _check_files(category, data, found)
        _check_masks(category, looks, found)
        _check_repeats(category, looks, found)
        _check_remarks(category, found)
        if not data.is_flat:
            _check_folders(category, found)
        found.add_row(data.path.as_posix(), category.name, _counts(category), before)
    _check_index(data, found)


def _counts(category: Category) -> str:
    masks = sum(one.mask is not None for one in category.test)
    return f"{len(category.train)} train, {len(category.test)} test, {counted(masks, 'mask')}"


def _look(category: Category, sample: Sample) -> Look:
    size, digest, mask, poor, problem, mask_problem = None, "", None, "", "", ""
    try:
        picture = decoding.read(sample.image, sample.reading)
        size = picture.pixels.shape[0], picture.pixels.shape[1]
        digest = hashlib.blake2b(repr(size).encode() + picture.pixels.tobytes(), digest_size=16).hexdigest()
        poor = picture.poor
    except UnreadableImageError as error:
        problem = str(error)
    try:
        header = None if size is None else decoding.header_of(sample.image)
        mask = mask_checks.look_at(category.masks, sample.mask, header)[1] if sample.mask else None
    except UnreadableImageError as error:
        mask_problem = str(error)
    return Look(sample, size, digest, mask, poor, problem, mask_problem)


def _check_images(category: Category, looks: Sequence[Look], found: Findings) -> None:
    found.add(rules.IMAGE_UNREADABLE, category.name, (_reason(look.image_problem) for look in looks if not look.size))
    found.add(rules.IMAGE_POOR, category.name, (f"{look.sample.image}: {look.poor}" for look in looks if look.poor))
    found.add(rules.NO_TEST, category.name, [] if category.test else [category.path])


def _check_files(category: Category, data: Dataset, found: Findings) -> None:
    """What is in the picture files and not read."""
    own = {one.image for one in (*category.train, *category.test)}
    found.add(rules.IMAGE_PAGES, category.name, own.intersection(data.pictures.paged))
    found.add(rules.IMAGE_CHANNELS, category.name, own.intersection(data.pictures.unused))
    if data.pictures.is_mixed:
        found.add(rules.IMAGE_MIXED, category.name, own.intersection(data.pictures.shallow))


def _reason(problem: str) -> str:
    """The file and why, without the remedy that the finding gives for all."""
    return problem.replace(" can't be read as an image", "").removesuffix(" Replace or remove it.").removesuffix(".")


def _check_masks(category: Category, looks: Sequence[Look], found: Findings) -> None:
    name = category.name
    found.add(mask_checks.MASK_UNREADABLE, name, (_reason(look.mask_problem) for look in looks if look.mask_problem))
    masked = [
        Masked(look.sample.image, look.sample.mask, look.size, look.mask, look.sample.kind)
        for look in looks
        if look.mask is not None and look.sample.mask is not None
    ]
    mask_checks.check(name, masked, lambda kind: kind in category.normal_kinds, found)
    found.add(mask_checks.MASK_MISSING, name, (sample.image for sample in category.unmasked))
    found.add(mask_checks.MASK_STRAY, name, category.stray_masks)


def _check_repeats(category: Category, looks: Sequence[Look], found: Findings) -> None:
    """Images with the very same pixels; MTD's other exposures of a tile, for instance, are not that."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for look in looks:
        if look.size:
            groups[look.digest].append(look.sample)
    across, kinds, same = [], [], []
    for group in groups.values():
        train = [one for one in group if one.split == layout.TRAIN]
        test = [one for one in group if one.split == layout.TEST]
        across += [f"{one.image} = {train[0].image}" for one in test if train]
        others = [one for one in test[1:] if one.kind != test[0].kind]
        kinds += [f"{one.image} = {test[0].image}" for one in others]
        same += [f"{one.image} = {test[0].image}" for one in test[1:] if one not in others]
        same += [f"{one.image} = {train[0].image}" for one in train[1:]]
    found.add(rules.REPEATS_TRAIN, category.name, across)
    found.add(rules.REPEATS_OTHER_KIND, category.name, kinds)
    found.add(rules.REPEATS, category.name, same)


def _check_folders(category: Category, found: Findings) -> None:
    name, root = category.name, category.path
    found.add(rules.NO_TRAIN, name, [] if category.train else [root])
    if 0 < len(category.train) < FEW:
        found.add(rules.FEW_TRAIN, name, [f"{root / layout.TRAIN} ({len(category.train)})"])
    if category.is_labelled and not any(category.is_normal(one) for one in category.test):
        found.add(rules.NO_NORMAL_TEST, name, [root])
    learned = {one.kind for one in category.train if not kinds.is_normal(one.kind)} - {layout.UNKNOWN_KIND}
    # One folder may have any name; several, or one that the tests call a defect, are suspicious.
    masked = {one.kind for one in category.test if one.mask is not None}
    if len({one.kind for one in category.train}) > 1 or learned & masked:
        found.add(rules.TRAIN_KINDS, name, (root / layout.TRAIN / kind for kind in learned))
    if category.is_labelled:
        found.add(rules.LOOSE, name, (one.image for one in category.test if one.kind == layout.UNKNOWN_KIND))
    parts = [root / part for part in (layout.TRAIN, layout.TEST, layout.GROUND_TRUTH)]
    elsewhere = [path for path in images_in(root, recursive=True) if not any(part in path.parents for part in parts)]
    found.add(rules.UNREAD, name, elsewhere)
    found.add(rules.LEFTOVER, name, (path for part in parts for path in _temporary(part)))


def _check_remarks(category: Category, found: Findings) -> None:
    """What every command says of the files when it reads them."""
    for one in category.remarks:
        severity = ERROR if one.is_error else WARNING
        found.add(Rule(one.code, severity, one.noun, one.what, one.do), category.name, one.cases)


def _temporary(folder: Path) -> list[Path]:
    """Files that a kill left half written."""
    if not folder.is_dir():
        return []
    return [path for path in folder.rglob("*") if files.is_temporary(path.name) and path.is_file()]


def leftovers(folder: Path) -> list[Path]:
    """Files that are no images: temporary ones of a kill, tables, notes; not hidden ones, nor a licence."""
    if not folder.is_dir():
        return []
    files_there = [path for path in folder.rglob("*") if path.is_file() and not is_image(path)]
    return [
        path
        for path in files_there
        if files.TEMPORARY in path.name
        or not (path.name.startswith(".") or path.stem.lower() in HARMLESS or path.name == layout.STEP_FILE)
    ]


def _check_index(data: Dataset, found: Findings) -> None:
    """samples.csv against the folders."""
    table = data.path / layout.SAMPLES_FILE
    if not table.exists():
        return
    try:
        listed = {row.get("image", "") for row in files.read_csv(table)}
    except BadDataError as error:
        found.add(rules.TABLE_UNREADABLE, data.path.as_posix(), [error])
        return
    every = (one for category in data.categories.values() for one in (*category.train, *category.test))
    there = {one.image.relative_to(data.path).as_posix() for one in every}
    gone = [f"{data.path / name} is listed, but gone" for name in listed - there]
    new = [f"{data.path / name} is there, but not listed" for name in there - listed]
    found.add(rules.INDEX_STALE, table.as_posix(), gone + new)
