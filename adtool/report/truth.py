"""What is joined with the labels: which images count, their masks, their scores.

This is the only place that looks at kinds and masks, and it turns them into numbers only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from adtool.core import arrays, crops, layout
from adtool.core.arrays import Bools
from adtool.core.dataset import looking
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.words import also, counted
from adtool.metrics.pixels import Pair
from adtool.metrics.ranking import ImageScores
from adtool.report.classes import LabelledClasses


def map_ids(folder: MapsFolder, category: str) -> set[str]:
    """Ids of the maps that lie in a category's folder."""
    root = folder.path / category
    names = (path.relative_to(root) for path in root.rglob("*.tiff"))
    return {name.with_suffix("").as_posix() for name in names if not any(p.startswith(".") for p in name.parts)}


def require_known(ids: Iterable[str], category: Category, folder: Path) -> None:
    """Refuse results of images that the data set does not have.

    Raises:
        BadDataError: an id is not one of the category's test images.
    """
    strangers = sorted(set(ids) - {sample.id for sample in category.test})
    if strangers:
        example = category.test[0].id if category.test else "none"
        raise BadDataError(
            f"{folder} does not fit the data set: {len(strangers)} of its ids are not test images of {category.path} "
            f"('{strangers[0]}'; an image there is '{example}'). Give the right --data."
        )


def labelled(category: Category) -> list[Sample]:
    """Test images of a known kind."""
    return [sample for sample in category.test if sample.kind != layout.UNKNOWN_KIND]


def image_scores(samples: Sequence[Sample], category: Category, folder: MapsFolder) -> tuple[ImageScores, str | None]:
    """Image scores of samples that have a map.

    Returns:
        The scores, from images.csv or, in a folder without that table, from the maps; and the rule that
        made them, None where the folder has to tell.

    Raises:
        BadDataError: images.csv lacks an image or holds a value that is no finite number.
    """
    rule = None
    if folder.images(category.name).exists():
        values = _tabled(samples, category, folder)
    else:
        rule = f"the one in the map's file, else the {arrays.IMAGE_SCORE_RULE}"
        values = [_own_score(folder.scores(category.name, sample.id)) for sample in samples]
    is_defect = [not category.is_normal(sample) for sample in samples]
    return ImageScores(np.array(values, dtype=np.float64), np.array(is_defect, dtype=bool)), rule


def _tabled(samples: Sequence[Sample], category: Category, folder: MapsFolder) -> list[float]:
    table = folder.images(category.name)
    texts = {row["id"]: row["image_score"] for row in folder.image_rows(category.name)}
    missing = [sample.id for sample in samples if sample.id not in texts]
    if missing:
        which = counted(len(missing), "image")
        raise BadDataError(f"{table} lacks {which} with a map ('{missing[0]}'). Write it again.")
    return [float(texts[sample.id]) for sample in samples]


def _own_score(path: Path) -> float:
    noted = arrays.noted_score(path)
    return arrays.image_score(arrays.read_scores(path).scores) if noted is None else noted


def pairs(
    samples: Iterable[Sample], category: Category, folder: MapsFolder, *, eval_size: int | None
) -> Iterator[Pair]:
    """Scores and mask of each sample, of the same size; and what of it is looked at, where that is not all.

    The map is resized bilinearly to the size of the mask, or both to `eval_size` squared, the mask by
    nearest neighbour so that it stays binary.

    Yields:
        scores (H, W) float32 and mask (H, W) bool, all False for an image of the normal kind.

    Raises:
        BadDataError: a map can't be read, or a mask has another size than its image.
    """
    for sample in samples:
        mask = _mask(sample, category)
        look_at, size = sample.reading.look_at, (mask.shape[0], mask.shape[1])
        if eval_size is not None:
            small = cv2.resize(mask.astype(np.uint8), (eval_size, eval_size), interpolation=cv2.INTER_NEAREST_EXACT)
            mask = small.astype(bool)
        scores = arrays.read_scores(folder.scores(category.name, sample.id)).scores
        sized = arrays.resize_scores(scores, *mask.shape)
        if look_at is None:
            yield sized, mask
        else:
            yield sized, mask, look_at.on_map(size, (mask.shape[0], mask.shape[1]))


def is_looked_at(sample: Sample, category: Category) -> bool:
    """Whether a defect is where the picture is looked at, or may be; of one without a mask nobody knows."""
    if sample.reading.look_at is None or sample.mask is None or category.is_normal(sample):
        return True
    return looking.is_inside(sample, category.masks.read(sample.mask, sample.image))


def _mask(sample: Sample, category: Category) -> Bools:
    size = arrays.image_size(sample.image, sample.reading)
    if category.is_normal(sample) or sample.mask is None:
        return np.zeros(size, dtype=bool)
    mask = category.masks.read(sample.mask, sample.image)
    if mask.shape != size:
        others = [one.mask for one in category.test if one.id != sample.id and _is_of_other_size(one, category)]
        raise BadDataError(
            f"{sample.mask} is {mask.shape[1]} x {mask.shape[0]} pixels, but its image {sample.image} is "
            f"{size[1]} x {size[0]}. Mask and image must have one size.{also(others)}"
        )
    return mask


def _is_of_other_size(sample: Sample, category: Category) -> bool:
    """Whether the headers of a mask and its image say so; of one that can't be read nothing is said here."""
    if category.is_normal(sample) or sample.mask is None:
        return False
    try:
        return category.masks.size(sample.mask, sample.image) != arrays.image_size(sample.image, sample.reading)
    except BadDataError:
        return False


def assigned(samples: Iterable[Sample], category: Category, classes: Mapping[str, str]) -> list[tuple[str, str]]:
    """(kind, class) of the samples that have a class; one with several kinds of defect is left out."""
    return [(s.kind, classes[s.id]) for s in samples if s.id in classes and not category.is_combined(s)]


def regions(samples: Iterable[Sample], category: Category, folder: ClassesFolder) -> LabelledClasses:
    """The kind and the class of each region: what is marked in a crop, which is what got a class.

    A region is of the kind of the mask that it touches, and normal where it touches none. An image has one kind, those
    with several being left out, and so have its masks. Crops in which nothing is marked hold no region.

    Args:
        samples: images whose mask is known, normal ones among them.
        category: theirs.
        folder: their classes.

    Raises:
        BadDataError: a mask can't be read, or has another size than its image, or the table of crops is damaged.
    """
    normal = min(category.normal_kinds, default=layout.NORMAL_CLASS)
    crops_of: dict[str, list[dict[str, str]]] = {}
    for row in folder.crop_rows():
        if int(row["area_px"]):
            crops_of.setdefault(row["id"], []).append(row)
    kinds, classes = [], []
    for sample in samples:
        rows = [] if category.is_combined(sample) else crops_of.get(sample.id, [])
        touched = _touched(sample, category, folder) if rows else None
        for row in rows:
            x, y, side = (int(row[name]) for name in ("x", "y", "side"))
            square = np.array([x, y, x + side, y + side], np.float64)
            is_on_mask = touched is not None and bool(crops.cut(touched, square).any())
            kinds.append(sample.kind if is_on_mask else normal)
            classes.append(row["class"])
    return LabelledClasses(kinds, classes, category.normal_kinds | {normal}, unit="region")


def _touched(sample: Sample, category: Category, folder: ClassesFolder) -> Bools | None:
    """Where the mask of an image and what was marked in it meet, (H, W); None of an image without a mask."""
    if category.is_normal(sample) or sample.mask is None:
        return None
    mask, path = _mask(sample, category), folder.binary(sample.id)
    binary = arrays.read_mask(path, limited=False)
    if binary.shape != mask.shape:
        raise BadDataError(f"{path} and {sample.image} differ in size. Run `adtool discover --force`.")
    return mask & binary
