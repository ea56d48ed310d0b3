"""What can be said of a data set without decoding its pictures; `check` and `prep` say the same of it."""

from dataclasses import replace
from pathlib import Path

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Findings
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.folders.listing import images_in
from adtool_runtime import parallel
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError

FEW = 10  # training images below which memory and limit are hardly worth anything


def check(category: Category, data: Dataset, found: Findings) -> None:
    """Note what is wrong with the files and folders of a category.

    Args:
        category: of the data set.
        data: the data set.
        found: to be added to.
    """
    name = category.name
    found.add(rules.NO_TEST, name, [] if category.test else [category.path])
    _check_files(category, data, found)
    found.add(rules.MASK_MISSING, name, (one.image for one in category.unmasked))
    found.add(rules.MASK_STRAY, name, category.stray_masks)
    found.found += [replace(one, where=name) for one in category.remarks]
    if not data.is_flat:
        _check_folders(category, found)


def _check_files(category: Category, data: Dataset, found: Findings) -> None:
    """What is in the picture files and not read."""
    own = {one.image for one in (*category.train, *category.test)}
    found.add(rules.IMAGE_PAGES, category.name, own.intersection(data.pictures.paged))
    found.add(rules.IMAGE_CHANNELS, category.name, own.intersection(data.pictures.unused))
    if data.pictures.is_mixed:
        found.add(rules.IMAGE_MIXED, category.name, own.intersection(data.pictures.shallow))


def _check_folders(category: Category, found: Findings) -> None:
    name, root = category.name, category.path
    found.add(rules.NO_TRAIN, name, [] if category.train else [root])
    if 0 < len(category.train) < FEW:
        found.add(rules.FEW_TRAIN, name, [f"{root / layout.TRAIN} ({len(category.train)})"])
    if category.is_labelled and not any(category.is_normal(one) for one in category.test):
        found.add(rules.NO_NORMAL_TEST, name, [root])
    masked = {one.kind for one in category.test if one.mask is not None}
    strange = remarks.of_learned({one.kind for one in category.train}, masked, root / layout.TRAIN)
    found.found += [replace(one, where=name) for one in strange]
    if category.is_labelled:
        found.add(rules.LOOSE, name, (one.image for one in category.test if one.kind == layout.UNKNOWN_KIND))
    parts = [root / part for part in (layout.TRAIN, layout.TEST, layout.GROUND_TRUTH)]
    elsewhere = [path for path in images_in(root, recursive=True) if not any(part in path.parents for part in parts)]
    found.add(rules.UNREAD, name, elsewhere)
    found.add(rules.LEFTOVER, name, (path for part in parts for path in _temporary(part)))


def _temporary(folder: Path) -> list[Path]:
    """Files that a kill left half written."""
    if not folder.is_dir():
        return []
    return [path for path in folder.rglob("*") if files.is_temporary(path.name) and path.is_file()]


def check_deep(category: Category, data: Dataset, found: Findings) -> None:
    """Note which pictures of more than 8 bits lose much in the range that all of them are read by."""
    deep = set(data.pictures.deep)
    samples = {one.image: one for one in (*category.train, *category.test) if one.image in deep}
    poor = parallel.each(lambda path: _poverty(samples[path]), samples)
    cases = (f"{path}: {text}" for path, text in zip(samples, poor, strict=True) if text)
    found.add(rules.IMAGE_POOR, category.name, cases)


def _poverty(one: Sample) -> str:
    try:
        return decoding.read(one.image, one.reading).poor
    except UnreadableImageError:
        return ""  # said by whoever needs its pixels


def reason(problem: str) -> str:
    """The file and why it can't be read, without the remedy that the finding gives for all."""
    return problem.replace(" can't be read as an image", "").removesuffix(" Replace or remove it.").removesuffix(".")
