"""The labelled base set: crops of known defects, which need not be of the kinds that are looked for."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, crops, files
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders import listing
from adtool.core.steps import notes
from adtool.core.words import counted
from adtool.discover.free.features import Item

IMAGES, MASKS = "images", "masks"
REGIONS = 1  # the number that the reference assumes of each image: one crop more than that is kept
MAKER = "prep aebad --crop"  # the command whose note says that a folder holds crops
CROP_NAME = re.compile(r".*_crop\d+")  # how AnomalyNCD's scripts call what they cut, and prep does

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class BaseSet:
    """Labelled crops; their classes keep their own names, even where a kind of the category has the same."""

    items: list[Item]
    labels: NDArray[np.int64]
    names: list[str]


NOTHING = BaseSet([], np.zeros(0, np.int64), [])


def read(folder: Path) -> BaseSet:
    """Crops of `images/<class>/*` with the masks of the same name in `masks/<class>/`.

    Images that are crops already are used as they are; others are cut around their masks as the reference does. One
    whose mask is empty shows no defect and is left out.

    Raises:
        MissingInputError: no such folders, or an image without a mask.
        BadDataError: no defect at all, or a mask of another size.
    """
    items: list[Item] = []
    labels: list[int] = []
    names = []
    empty = []
    pairs = _pairs(folder, is_said=True)
    cuts = _whole if _are_crops(folder, [image for image, _ in pairs]) else _cut
    for image, mask in pairs:
        name = image.parent.name
        found = cuts(image, mask)
        if not found:
            empty.append(image)
        if found and name not in names:
            names.append(name)
        items.extend(found)
        labels.extend(names.index(name) for _ in found)
    remarks.say(remarks.of(replace(rules.MASK_EMPTY, do="It is left out: it shows no defect to learn."), empty))
    if not items:
        raise BadDataError(f"No mask under {folder / MASKS} shows a defect. Give another --base, or none.")
    return BaseSet(items, np.array(labels), names)


def _are_crops(folder: Path, images: Sequence[Path]) -> bool:
    """Whether the images of a base set were cut around their defects before, which is said.

    `prep` notes it. AnomalyNCD's own folder of crops has no note, but names that nothing else has; they decide about
    all images together, and nothing else is read from them.
    """
    named = [image for image in images if CROP_NAME.fullmatch(image.stem)]
    noted = notes.read_note(folder).command == MAKER
    there = counted(len(images), "image")
    if noted or len(named) == len(images):
        why = f"`adtool {MAKER}` made them" if noted else "all are called *_crop<number>"
        log.info("Base set %s: %s, crops already (%s), used as they are.", folder, there, why)
        return True
    log.info("Base set %s: %s, cut around their masks.", folder, there)
    if named:
        log.warning(
            "%d of them are called *_crop<number> as crops are, but not all, so these are cut once more, too (%s). "
            "Keep crops and whole images in folders of their own.", len(named), listing.shown(named[0]),
        )  # fmt: skip
    return False


def fingerprint(folder: Path) -> str:
    """Hash of the images and masks."""
    several = ((image, *listing.mask_files(mask)) for image, mask in _pairs(folder))
    return files.fingerprint((path.relative_to(folder).as_posix(), path) for paths in several for path in paths)


def _pairs(folder: Path, *, is_said: bool = False) -> list[tuple[Path, Path]]:
    """Images with their masks; with `is_said` what else lies there is said."""
    there, truth = listing.read(folder / IMAGES), listing.read(folder / MASKS)
    images = [path for path in there.images if path.parent.parent == there.root]
    names = {image: listing.name_below(image, there.root) for image in images}
    joined, strays = listing.pair_masks(names.values(), truth.images, truth.root)
    if is_said:
        elsewhere = [path for path in there.images if path not in names]
        remarks.say([*remarks.of_listing(there), *remarks.of_listing(truth)], refuse=False)
        remarks.say([*remarks.of(rules.NO_CLASS, elsewhere), *remarks.of(rules.MASK_STRAY, strays)])
    if not images:
        raise MissingInputError(f"{folder} is no base set: it needs {IMAGES}/<class>/* and {MASKS}/<class>/*.")
    for image, name in names.items():
        if name not in joined:
            raise MissingInputError(f"{image} has no mask in {folder / MASKS / image.parent.name}.")
    return [(image, joined[name]) for image, name in names.items()]


def _whole(image: Path, mask: Path) -> list[Item]:
    """A crop as it is; none if its mask is empty."""
    return [Item(_key(image), partial(_load, image, mask))] if _mask_of(image, mask).any() else []


def _cut(image: Path, mask: Path) -> list[Item]:
    """The crops around the defects of an image."""
    inside = _mask_of(image, mask)
    if not inside.any():
        return []
    boxes = [crops.whole_pixels(box) for box in crops.crop_boxes(inside, REGIONS)]
    return [Item(f"{_key(image)}_{k}", partial(_load, image, mask, box)) for k, box in enumerate(boxes)]


def _key(image: Path) -> str:
    return f"{IMAGES}/{image.parent.name}/{image.stem}"


def _mask_of(image: Path, mask: Path) -> Bools:
    inside = _read_mask(mask)
    if inside.shape != arrays.image_size(image):
        raise BadDataError(f"{mask} has another size than {image}.")
    return inside


def _read_mask(mask: Path) -> Bools:
    """A mask, or all of a folder together (MVTec LOCO)."""
    parts = [arrays.read_mask(path, "half_max") for path in listing.mask_files(mask)]
    for part in parts[1:]:
        if part.shape != parts[0].shape:
            raise BadDataError(f"The masks in {mask} differ in size.")
    return np.logical_or.reduce(parts)


def _load(image: Path, mask: Path, box: crops.Box | None = None) -> tuple[Bytes, Floats]:
    pixels, inside = arrays.read_image(image), _read_mask(mask).astype(np.float32)
    return (pixels, inside) if box is None else (crops.cut(pixels, box), crops.cut(inside, box))
