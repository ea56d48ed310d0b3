"""A data set in MVTec AD layout: checked and indexed where it lies, nothing is copied."""

import logging
from pathlib import Path

from pydantic import Field

from adtool.core import arrays, config, files, layout, sample
from adtool.core.arrays import UnreadableImageError
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.progress import track
from adtool.core.sample import Category, Dataset
from adtool.core.step import Outcome
from adtool.prep.finding import find_source
from adtool.prep.writing import SHOWN, About, counts, index, say, unreadable_notes

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep mvtec`."""

    source: Path | None = Field(
        None, description="Folder with <category>/{train,test,ground_truth}; else searched for."
    )


def run(config: Config) -> Outcome:
    """Check a data set in MVTec AD layout and write its dataset.json and samples.csv beside the categories."""
    source = find_source(
        config.source,
        sample.is_dataset,
        name="a data set in MVTec AD layout",
        expected="<category>/train/good/*.png, <category>/test/<kind>/*.png, <category>/ground_truth/<kind>/*_mask.png",
        published="https://www.mvtec.com/company/research/datasets/mvtec-ad",
    )
    data = sample.read_dataset(source)
    outcome = Outcome("prep mvtec", source)
    unreadable: list[str] = []
    for category in data.categories.values():
        unreadable += _check(category)
    if unreadable:
        unreadable_notes(unreadable)
        raise BadDataError(
            f"{len(unreadable)} unreadable files: {unreadable[0]} Mend or remove them, then run this again."
        )
    index(source, _about(data))
    outcome.done += data.categories
    outcome.rows = counts(data)
    return outcome


def _check(category: Category) -> list[str]:
    """Unreadable files of a category; other findings are raised or said."""
    if not category.train:
        log.warning("%s has no training images: only detectors that need none can be used.", category.name)
    if not category.test:
        raise MissingInputError(f"{category.path} has no test images. Complete the download.")
    if category.unmasked:
        shown = ", ".join(item.id for item in category.unmasked[:SHOWN])
        log.warning("%s: %d defective test images have no mask: %s", category.name, len(category.unmasked), shown)
    say(f"masks of {category.name} have no image", category.stray_masks)
    unreadable = []
    for item in track((*category.train, *category.test), f"check {category.name}"):
        try:
            size = arrays.image_size(item.image)
            if item.mask is not None and arrays.image_size(item.mask) != size:
                raise BadDataError(
                    f"The mask {item.mask} and its image {item.image} differ in size. Correct one of them."
                )
        except UnreadableImageError as error:
            unreadable.append(str(error))
    return unreadable


def _about(data: Dataset) -> About:
    """What there is to say of a data set as downloaded; a card that it has from elsewhere keeps its words."""
    card = files.read_json(data.path / layout.DATASET_FILE) or {}
    categories = data.categories.values()
    learned = [one.kind for category in categories for one in category.train if one.kind != layout.UNKNOWN_KIND]
    tested = [one.kind for category in categories for one in category.test if category.is_normal(one)]
    normal = list(dict.fromkeys((*learned, *tested))) or [layout.NORMAL_KINDS[0]]
    source = str(card.get("source") or data.path.resolve().name)
    licence = str(card.get("licence") or "see its download")
    return About(data.name, tuple(data.categories), normal[0], data.mask_rule, source, licence, tuple(normal[1:]))
