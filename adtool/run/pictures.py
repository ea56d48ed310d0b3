"""The pictures that a newcomer gives, and the name that their data set gets."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adtool.core import layout
from adtool.core.dataset.dataset_folder import is_dataset
from adtool.core.errors import UsageError
from adtool.core.folders.listing import name_below
from adtool.prep import own
from adtool.prep.datasets import folder
from adtool.prep.reading import grey_range
from adtool.run.config import OF_PREP, RunConfig

# A data set of one of these names would make data/ look like a data set itself.
PARTS_OF_DATASETS = (layout.TRAIN, layout.TEST, layout.GROUND_TRUTH)
FALLBACK = "parts"


@dataclass(frozen=True)
class GivenPictures:
    """What there is to work on.

    Attributes:
        normal: images of good parts, empty if there are none.
        test: images to test.
        name: of the data set and of its only category.
        data: where the data set lies: prepared in data/, or the tested folder itself where nothing is to be learned.
    """

    normal: list[Path]
    test: list[Path]
    name: str
    data: Path


def read(config: RunConfig) -> GivenPictures:
    """Look at both folders; everything that is wrong with them is said here, before anything is computed.

    Raises:
        MissingInputError: a folder is not there, or holds no images.
        BadDataError: two pictures of a folder differ in their types alone.
        UsageError: the folders overlap, the workspace lies inside one, or one is a data set already.
    """
    given = [("--test", config.test)] + ([("--normal", config.normal)] if config.normal else [])
    for option, path in given:
        _refuse_workspace(option, path)
    asked = of_prep(config)
    if config.normal is None:
        if config.kinds_from_folders is False:
            asked.pop("kinds_from_folders")  # nothing is, in any case
        asked.pop("look_at", None)  # maps can be told as well
        if asked:
            name = next(iter(asked)).replace("_", "-")
            raise UsageError(f"--{name} goes with --normal: without it, the pictures are taken as they lie there.")
        there = own.images(config.test, own.TEST)
        own.say_of(there)
        test = there.sorted.images
        _refuse_dataset(config.test)
        own.require_own_ids((name_below(image, config.test), image) for image in test)
        return GivenPictures([], test, config.test.resolve().name, config.test)
    if config.normal.is_dir() and config.test.is_dir() and config.normal.resolve() == config.test.resolve():
        raise UsageError(
            f"--normal and --test are the same folder, {config.test}. Give --normal one with good parts alone; "
            "if there is none, leave --normal out: then the pictures are compared with each other."
        )
    grey_range(config.grey)
    own_config = folder.Config(normal=config.normal, test=config.test, **asked)
    found = folder.pictures(own_config)
    _refuse_dataset(config.test)
    folder.require_own_ids(own_config, found)
    name = _name(config.normal, config.test)
    return GivenPictures(found.normal, found.test, name, Path(layout.DATA) / name)


def of_prep(config: RunConfig) -> dict[str, Any]:
    """What was asked for and is a setting of `prep folder`."""
    return {name: getattr(config, name) for name in OF_PREP if name in config.model_dump(exclude_defaults=True)}


def _refuse_workspace(option: str, path: Path) -> None:
    """What is written among the pictures would be taken for pictures by the next run."""
    here, there = Path.cwd(), path.resolve()
    if there.is_dir() and (here == there or there in here.parents):
        raise UsageError(
            f"The results go into the current folder, which lies in {option} {path} among your pictures. "
            "Go elsewhere first (cd), or name a folder for the results: adtool -C FOLDER run ..., with whole paths."
        )


def _refuse_dataset(test: Path) -> None:
    if is_dataset(test):
        raise UsageError(
            f"--test {test} is a data set already, with {layout.TRAIN}/ and {layout.TEST}/ folders: give those "
            f"(--normal .../train/good --test .../test), or start with adtool maps --data {test}."
        )


def _name(normal: Path, test: Path) -> str:
    """Like the tested folder, unless that name is taken."""
    path = test.resolve()
    usable = (one for one in (path.name, path.parent.name) if one and one not in PARTS_OF_DATASETS)
    name = re.sub(r"^\.+", "", next(usable, FALLBACK)) or FALLBACK
    place = (Path(layout.DATA) / name).resolve()
    given = {folder.resolve() for folder in (normal, test)}
    taken = any(place == one or place in one.parents or one in place.parents for one in given)
    return f"{name}_prepared" if taken else name
