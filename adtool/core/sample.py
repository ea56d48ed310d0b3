"""Samples and data sets: what lies in a data set folder, read by name, never by sorted position.

Three layouts are read: MVTec AD (one folder a category), the same with a single category and no category
level, and a flat folder of unlabelled images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Sample:
    """One image of a data set; `id` is its path below the category without the last suffix."""

    category: str
    id: str
    split: str
    kind: str
    image: Path
    mask: Path | None = None


@dataclass(frozen=True)
class Category:
    """All samples of one category."""

    name: str
    path: Path
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    normal_kinds: frozenset[str]
    stray_masks: tuple[Path, ...] = ()

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
        return files.fingerprint((f"{s.id}:{s.kind}", s.mask or s.image) for s in self.test)


@dataclass(frozen=True)
class Dataset:
    """A data set folder that was read."""

    path: Path
    name: str
    categories: dict[str, Category] = field(default_factory=dict)
    mask_rule: str = "auto"
    is_flat: bool = False

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


def is_image(path: Path) -> bool:
    """Whether a file looks like an image by its name; dot files, Thumbs.db and the like do not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def images_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Image files of a folder, sorted by path; hidden files and folders are left out."""
    if not folder.is_dir():
        return []
    found = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(
        path
        for path in found
        if is_image(path) and path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def is_category(folder: Path) -> bool:
    """Whether a folder has the layout of one category: train/ and test/, at least one with something in it."""
    return any((folder / split).is_dir() and any((folder / split).iterdir()) for split in (layout.TRAIN, layout.TEST))


def is_dataset(folder: Path) -> bool:
    """Whether a folder has the layout of a data set, with or without a category level."""
    if not folder.is_dir():
        return False
    return is_category(folder) or any(_is_own_category(sub) for sub in _subfolders(folder))


def _is_own_category(folder: Path) -> bool:
    """Whether a folder is a category of the data set above it, not a data set of one category itself."""
    return is_category(folder) and not (folder / layout.DATASET_FILE).exists()


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
    if is_dataset(folder):
        return folder
    inside = [sub for sub in _subfolders(folder) if is_dataset(sub)]
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


def read_dataset(folder: Path) -> Dataset:
    """Read a data set folder (or the only one inside).

    Raises:
        MissingInputError: there is no data set.
        BadDataError: two files have the same id.
    """
    path = find_dataset(folder)
    card = files.read_json(path / layout.DATASET_FILE)
    card = card if isinstance(card, dict) else {}
    name = str(card.get("name") or path.resolve().name)
    rule = str(card.get("mask_rule") or "auto")
    normal = frozenset(card["normal_kinds"]) if card.get("normal_kinds") else None
    if is_category(path):
        only = card.get("categories")
        category = str(only[0]) if isinstance(only, list) and len(only) == 1 else path.resolve().name
        return Dataset(path, name, {category: _read_category(path, category, normal)}, rule)
    if is_dataset(path):
        found = {sub.name: _read_category(sub, sub.name, normal) for sub in _subfolders(path) if _is_own_category(sub)}
        return Dataset(path, name, found, rule)
    category = path.resolve().name
    samples = [
        Sample(category, _id(image, path), layout.TEST, layout.UNKNOWN_KIND, image)
        for image in images_in(path, recursive=True)
    ]
    return Dataset(
        path, name, {category: Category(category, path, (), _unique(samples), frozenset())}, rule, is_flat=True
    )


def _id(image: Path, root: Path) -> str:
    return image.relative_to(root).with_suffix("").as_posix()


def _read_category(root: Path, category: str, normal: frozenset[str] | None) -> Category:
    train = [
        Sample(category, _id(image, root), layout.TRAIN, kind, image) for kind, image in _by_kind(root / layout.TRAIN)
    ]
    # Whatever is trained on is normal; a test folder of the same name, or of a customary one, is normal too.
    normal_kinds = normal or frozenset(layout.NORMAL_KINDS) | {s.kind for s in train}
    normal_kinds -= {layout.UNKNOWN_KIND}
    masks = _masks(root / layout.GROUND_TRUTH)
    test = []
    for kind, image in _by_kind(root / layout.TEST):
        key = image.relative_to(root / layout.TEST).with_suffix("").as_posix().lower()
        mask = masks.pop(key + "_mask", None) or masks.pop(key, None)
        test.append(Sample(category, _id(image, root), layout.TEST, kind, image, mask))
    return Category(
        category, root, _unique(train), _unique(test), frozenset(normal_kinds), tuple(sorted(masks.values()))
    )


def _by_kind(split: Path) -> Iterator[tuple[str, Path]]:
    """(kind, image) of a split; images that lie in no kind's folder have the kind `unknown`."""
    for image in images_in(split, recursive=True):
        parts = image.relative_to(split).parts
        yield (parts[0] if len(parts) > 1 else layout.UNKNOWN_KIND), image


def _masks(root: Path) -> dict[str, Path]:
    """Mask files by their lower-cased path below ground_truth/ without suffix; .png wins over others."""
    ranked = sorted(images_in(root, recursive=True), key=lambda path: path.suffix.lower() == ".png")
    return {path.relative_to(root).with_suffix("").as_posix().lower(): path for path in ranked}


def _unique(samples: list[Sample]) -> tuple[Sample, ...]:
    """The samples sorted by id.

    Raises:
        BadDataError: two files have the same id.
    """
    seen: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in seen:
            raise BadDataError(
                f"Two files have the id '{sample.id}': {seen[sample.id].image} and {sample.image}. Rename one of them."
            )
        seen[sample.id] = sample
    return tuple(seen[key] for key in sorted(seen))
