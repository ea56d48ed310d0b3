"""The labelled base set: crops of known defects, which need not be of the kinds that are looked for."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, crops, files
from adtool.core.arrays import Bytes, Floats
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders import listing
from adtool.discover.free.features import Item

IMAGES, MASKS = "images", "masks"
REGIONS = 1  # the number that the reference assumes of each image: one crop more than that is kept


@dataclass(frozen=True)
class BaseSet:
    """Labelled crops; their classes keep their own names, even where a kind of the category has the same."""

    items: list[Item]
    labels: NDArray[np.int64]
    names: list[str]


NOTHING = BaseSet([], np.zeros(0, np.int64), [])


def read(folder: Path) -> BaseSet:
    """Crops of `images/<class>/*` with the masks of the same name in `masks/<class>/`.

    An image is cut around its mask as the reference does; one whose mask is empty shows no defect and is left out.

    Raises:
        MissingInputError: no such folders, or an image without a mask.
        BadDataError: no defect at all, or a mask of another size.
    """
    items: list[Item] = []
    labels: list[int] = []
    names = []
    empty = []
    for image, mask in _pairs(folder, is_said=True):
        name = image.parent.name
        boxes = _boxes(image, mask)
        if not boxes:
            empty.append(image)
        if boxes and name not in names:
            names.append(name)
        for k, box in enumerate(boxes):
            items.append(Item(f"{IMAGES}/{name}/{image.stem}_{k}", partial(_load, image, mask, box)))
            labels.append(names.index(name))
    remarks.say(remarks.of(replace(rules.MASK_EMPTY, do="It is left out: it shows no defect to learn."), empty))
    if not items:
        raise BadDataError(f"No mask under {folder / MASKS} shows a defect. Give another --base, or none.")
    return BaseSet(items, np.array(labels), names)


def fingerprint(folder: Path) -> str:
    """Hash of the images and masks."""
    return files.fingerprint((path.relative_to(folder).as_posix(), path) for pair in _pairs(folder) for path in pair)


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


def _boxes(image: Path, mask: Path) -> list[crops.Box]:
    inside = arrays.read_mask(mask, "half_max")
    if inside.shape != arrays.image_size(image):
        raise BadDataError(f"{mask} has another size than {image}.")
    return [crops.whole_pixels(box) for box in crops.crop_boxes(inside, REGIONS)] if inside.any() else []


def _load(image: Path, mask: Path, box: crops.Box) -> tuple[Bytes, Floats]:
    inside = arrays.read_mask(mask, "half_max").astype(np.float32)
    return crops.cut(arrays.read_image(image), box), crops.cut(inside, box)
