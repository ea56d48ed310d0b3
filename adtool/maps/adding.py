"""Good parts that are added to what a detector learns from, or taken out again, before its maps are made anew."""

import logging
from collections.abc import Sequence
from pathlib import Path

from adtool.core import arrays
from adtool.core.arrays import UnreadableImageError
from adtool.core.checks import remarks
from adtool.core.dataset.types import Category
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.folders import listing
from adtool.core.limits import answers
from adtool.core.steps import notes
from adtool.core.words import counted, none_of
from adtool.detection import added
from adtool.detection.contract import About
from adtool.maps.config import MapsConfig

log = logging.getLogger("adtool")


def change(config: MapsConfig, categories: Sequence[Category], detector: str, about: About) -> bool:
    """Add and remove what is asked for; whether anything is asked for.

    Args:
        config: says what.
        categories: that are worked on.
        detector: whose normal images they become.
        about: that detector.

    Raises:
        UsageError: the detector can't learn more, it is not said which category is meant, or its models can't be
            written.
        MissingInputError: there is nothing to add.
        BadDataError: a table is damaged, or none of the images can be read.
    """
    if config.add_normals is None and not config.remove_normals:
        return False
    if config.part is not None:  # --workers adds before it divides
        raise UsageError(
            "--add-normals and --remove-normals change the model of all shards: give them without --shard."
        )
    if not about.extends:
        raise UsageError(f"{detector} can't learn more good parts afterwards (--add-normals). patchcore can.")
    notes.refuse_foreign(config.models / detector, "--models")  # no model could be made there
    if config.remove_normals:
        _remove(config, categories, detector)
    if config.add_normals is not None:
        for category, images in _given(config.add_normals, categories):
            new = added.add(added.folder_of(detector, category.name, config.models), _readable(category, images))
            log.info("%s: %s added.", category.name, counted(len(new), "good part"))
    return True


def _remove(config: MapsConfig, categories: Sequence[Category], detector: str) -> None:
    only = _one(categories, "--remove-normals")
    folder = added.folder_of(detector, only.name, config.models)
    gone = added.remove(folder, config.remove_normals)
    log.info("%s: %s removed.", only.name, counted(len(gone), "good part"))


def _given(path: Path, categories: Sequence[Category]) -> list[tuple[Category, list[Path]]]:
    """The images to add: all in a folder, or those that a person called good in a table of answers."""
    if path.is_dir():
        only, there = _one(categories, "--add-normals"), listing.read(path)
        remarks.say(remarks.of_listing(there), refuse=False)
        if not there.images:
            raise MissingInputError(f"No pictures in {path} (--add-normals).")
        return [(only, list(there.images))]
    said = answers.read(path, {one.name: {sample.id for sample in one.test} for one in categories})
    found = []
    for category in categories:
        is_defect = said[category.name].is_defect
        images = [one.image for one in category.test if is_defect.get(one.id) is False]
        found += [(category, images)] if images else []
    if not found:
        raise MissingInputError(f"{path} calls no part good, so there is nothing to add (--add-normals).")
    return found


def _one(categories: Sequence[Category], option: str) -> Category:
    if len(categories) > 1:
        raise UsageError(f"{option}: say which category is meant, with --category.")
    return categories[0]


def _readable(category: Category, images: Sequence[Path]) -> list[Path]:
    """Those that can be decoded; the others are said."""
    found = []
    for path in images:
        try:
            arrays.read_image(path, category.reading)
            found.append(path)
        except UnreadableImageError as error:
            log.warning("skipped 1 unreadable image: %s", error)
    if not found:
        raise BadDataError(none_of(len(images), "image", f"to add to {category.name}", "can be read") + ".")
    return found
