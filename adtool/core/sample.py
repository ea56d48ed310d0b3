"""Samples and data sets: what lies in a data set folder, read by name, never by sorted position.

Three layouts are read: MVTec AD (one folder a category), the same with a single category and no category
level, and a flat folder of unlabelled images.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from adtool.core import files, layout, masks, names, reading
from adtool.core.dataset import Category as Category
from adtool.core.dataset import Dataset as Dataset
from adtool.core.dataset import Sample as Sample
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.listing import images_in, join_masks, name_below
from adtool.core.reading import Reading
from adtool.core.survey import Survey, survey


def _is_output(image: Path, root: Path) -> bool:
    """Whether a picture below a flat folder was written by adtool, as when the workspace itself is that folder."""
    above = image.relative_to(root).parents
    return any((root / parent / layout.STEP_FILE).exists() for parent in above if parent != Path())


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def is_category(folder: Path) -> bool:
    """Whether a folder has the layout of one category: train/ and test/, at least one with something in it."""
    return any(
        (folder / split).is_dir() and any(not path.name.startswith(".") for path in (folder / split).iterdir())
        for split in (layout.TRAIN, layout.TEST)
    )


def is_dataset(folder: Path) -> bool:
    """Whether a folder has the layout of a data set, with or without a category level."""
    if not folder.is_dir():
        return False
    return is_category(folder) or any(_is_own_category(sub) for sub in _subfolders(folder))


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
    inside = [sub for sub in _subfolders(folder) if is_dataset(sub) and not _is_own_category(sub)]
    categories = [sub for sub in _subfolders(folder) if _is_own_category(sub)]
    if categories and not inside:
        return folder
    inside = sorted(inside + categories)
    if len(inside) == 1:
        return inside[0]
    if inside:
        listed = ", ".join(str(sub) for sub in inside)
        raise MissingInputError(f"{folder} holds several data sets: {listed}. Choose one with --data.")
    if images_in(folder, recursive=True):
        return folder
    raise MissingInputError(
        f"No data set at {folder}: neither train/ and test/ folders nor images. "
        "Make one with `adtool prep`, or give --data."
    )


def read_dataset(folder: Path, *, is_in_work: bool = False, twins: list[tuple[Path, Path]] | None = None) -> Dataset:
    """Read a data set folder (or the only one inside).

    Args:
        folder: where it lies.
        is_in_work: whether it may be half written, as `adtool prep` itself sees it.
        twins: if given, two files with the same id are added here instead of raised, and the first one counts.

    Raises:
        MissingInputError: there is no data set, or it is not finished.
        BadDataError: two files have the same id.
    """
    path = find_dataset(folder)
    note = files.read_json(path / layout.STEP_FILE)
    if isinstance(note, dict) and note.get("state") == "running" and not is_in_work:
        raise MissingInputError(f"The data set {path} is not finished. Run the same `adtool prep` again: it goes on.")
    card = _read_card(path / layout.DATASET_FILE)
    return _with_reading(_read_folders(path, card, twins), card)


def _read_folders(path: Path, card: dict[str, Any], twins: list[tuple[Path, Path]] | None) -> Dataset:
    name = str(card.get("name") or path.resolve().name)
    normal = frozenset(card["normal_kinds"]) if card.get("normal_kinds") else None
    if is_category(path):
        only = card.get("categories") or []
        category = str(only[0]) if len(only) == 1 else path.resolve().name
        return Dataset(path, name, {category: _read_category(path, category, normal, twins)})
    if is_dataset(path):
        subs = [sub for sub in _subfolders(path) if _is_own_category(sub)]
        found = {sub.name: _read_category(sub, sub.name, normal, twins) for sub in subs}
        return Dataset(path, name, found)
    category = path.resolve().name
    only_one = Category(category, path, (), unlabelled(path, category, twins), frozenset())
    return Dataset(path, name, {category: only_one}, is_flat=True)


def _with_reading(data: Dataset, card: dict[str, Any]) -> Dataset:
    """The data set with how its pictures and masks are read: as it is noted, else as all pictures together say."""
    rule = str(card.get("mask_rule") or masks.AUTO)
    orientation = str(card.get("mask_orientation") or masks.AUTO)
    noted = card.get("reading")
    every = [one for category in data.categories.values() for one in (*category.train, *category.test)]
    found = survey(
        [one.image for one in every],
        None if noted is None else reading.from_json(noted, str(data.path / layout.DATASET_FILE)),
    )
    categories = {
        name: replace(category, mask_rule=rule, mask_orientation=orientation)
        for name, category in data.categories.items()
    }
    return read_so(replace(data, categories=categories, mask_rule=rule, mask_orientation=orientation), found)


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


def with_reading(samples: Iterable[Sample], how: Reading) -> tuple[Sample, ...]:
    """The samples with how they are read."""
    return tuple(one if one.reading == how else replace(one, reading=how) for one in samples)


def unlabelled(folder: Path, category: str, twins: list[tuple[Path, Path]] | None = None) -> tuple[Sample, ...]:
    """All images below a folder, whose kinds nobody knows; pictures that adtool wrote there are left out.

    Args:
        folder: where.
        category: what they show.
        twins: see `read_dataset`.

    Raises:
        BadDataError: two files have the same id.
    """
    samples = [
        Sample(category, name_below(image, folder), layout.TEST, layout.UNKNOWN_KIND, image)
        for image in images_in(folder, recursive=True)
        if not _is_output(image, folder)
    ]
    return _unique(samples, twins)


def _read_card(path: Path) -> dict[str, Any]:
    """What dataset.json says, nothing if there is none.

    Raises:
        BadDataError: it is damaged, or says what can't be understood: its mask rule decides every pixel metric.
    """
    if not path.exists():
        return {}
    card = files.read_json(path)
    if not isinstance(card, dict):
        raise BadDataError(f"{path} is not a JSON object. Mend or remove it, or run `adtool prep` again.")
    for name in ("normal_kinds", "categories"):
        value = card.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadDataError(f"{path}: '{name}' is no list of names. Mend it, or run `adtool prep` again.")
    for name in card.get("categories") or []:
        if problem := names.category_problem(name):
            raise BadDataError(
                f"{path}: '{names.shown(name)}' can't be the name of a category: {problem}. Mend it, or run "
                "`adtool prep` again."
            )
    for name, known in (("mask_rule", masks.RULES), ("mask_orientation", masks.ORIENTATIONS)):
        if (card.get(name) or masks.AUTO) not in known:
            raise BadDataError(f"{path}: there is no {name} '{card[name]}' (there are: {', '.join(known)}).")
    return card


def _read_category(
    root: Path, category: str, normal: frozenset[str] | None, twins: list[tuple[Path, Path]] | None
) -> Category:
    train, test = root / layout.TRAIN, root / layout.TEST
    learned = [Sample(category, name_below(i, root), layout.TRAIN, kind, i) for kind, i in _by_kind(train)]
    # Whatever is trained on is normal; a test folder of the same name, or of a customary one, is normal too.
    normal_kinds = normal or frozenset(layout.NORMAL_KINDS) | {one.kind for one in learned}
    found = _by_kind(test)
    names = {image: name_below(image, test) for _, image in found}
    masks, strays = join_masks(names.values(), root / layout.GROUND_TRUTH)
    tested = [Sample(category, name_below(i, root), layout.TEST, kind, i, masks.get(names[i])) for kind, i in found]
    normal_kinds -= {layout.UNKNOWN_KIND}
    return Category(category, root, _unique(learned, twins), _unique(tested, twins), normal_kinds, tuple(strays))


def _by_kind(split: Path) -> list[tuple[str, Path]]:
    """(kind, image) of a split; images that lie in no kind's folder have the kind `unknown`."""
    found = [(image.relative_to(split).parts, image) for image in images_in(split, recursive=True)]
    return [(parts[0] if len(parts) > 1 else layout.UNKNOWN_KIND, image) for parts, image in found]


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
