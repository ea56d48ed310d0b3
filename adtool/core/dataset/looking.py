"""`--look-at`: the part of the pictures to look at, from the command line into how they are read."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.words import counted
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError
from adtool_runtime.pictures.look_at import LookAt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
LOOK_AT = "look_at"  # among the settings of a note
NUMBERS = re.compile(r"[\d\s.,:;x+-]+")  # what is meant as a rectangle
MIDDLE = 128  # of a mask that has values above; of others all but black is white


def parsed(text: str | None) -> LookAt | None:
    """What the option says; None where it is not given.

    Raises:
        UsageError: it is neither a rectangle nor a file.
        BadDataError: the mask can't be read, or is black.
    """
    if text is None:
        return None
    if NUMBERS.fullmatch(text) and not Path(text).exists():
        try:
            return LookAt("".join(text.split()))
        except BadDataError:
            raise UsageError(
                f"--look-at {text}: give x,y,width,height in whole pixels, for instance 100,50,640,480, or "
                "the file of a mask."
            ) from None
    path = Path(text)
    if not path.is_file():
        raise MissingInputError(f"--look-at {text}: there is no such mask, and it is no x,y,width,height.")
    grey = decoding.read_image(path).max(axis=2)
    try:
        return LookAt.of_mask(grey >= MIDDLE if grey.max() >= MIDDLE else grey > 0)
    except BadDataError as error:
        raise BadDataError(f"--look-at {path}: {error}") from None


def asked(data: Dataset, text: str | None) -> Dataset:
    """A data set of whose pictures a part is looked at, if that is asked for.

    Raises:
        UsageError: the option is wrong, or the data set says another part.
        BadDataError: the part does not fit a picture.
    """
    wanted, noted = parsed(text), data.reading.look_at
    if wanted is not None and noted is not None and wanted != noted:
        raise UsageError(
            f"{data.path} was prepared with --look-at {noted}, and here it is {wanted}. Leave it out, or prepare again."
        )
    if wanted is not None:
        data = dataset_folder.read_so(data, replace(data.pictures, reading=replace(data.reading, look_at=wanted)))
    if data.reading.look_at is not None:
        require_fits(one for category in data.categories.values() for one in (*category.train, *category.test))
    return data


def require_fits(samples: Iterable[Sample]) -> None:
    """Refuse a part that does not fit all pictures.

    Raises:
        BadDataError: it lies outside of one, or has other proportions.
    """
    wrong = [(one, why) for one in samples if (why := _problem(one))]
    if wrong:
        one, why = wrong[0]
        raise BadDataError(
            f"The part to look at does not fit {counted(len(wrong), 'picture')}, for instance {one.image}: {why}. "
            "Give another --look-at, or put pictures of other sizes into a data set of their own."
        )


def followed(category: Category, noted: object) -> Category:
    """A category whose pictures are looked at as a note of maps says, where the data set itself says nothing.

    Args:
        category: of the data set.
        noted: the setting LOOK_AT of the note, None if there is none.

    Raises:
        BadDataError: it can't be understood.
    """
    how = category.reading
    if noted is None or how.look_at is not None:
        return category
    how = replace(how, look_at=LookAt(str(noted)))
    return replace(
        category,
        train=dataset_folder.with_reading(category.train, how),
        test=dataset_folder.with_reading(category.test, how),
    )


def is_inside(sample: Sample, mask: Bools) -> bool:
    """Whether anything of a mask (H, W) of a picture is looked at."""
    look_at = sample.reading.look_at
    return look_at is None or bool((mask & look_at.inside((mask.shape[0], mask.shape[1]))).any())


def _problem(one: Sample) -> str:
    look_at = one.reading.look_at
    try:
        return "" if look_at is None else look_at.problem(decoding.image_size(one.image, one.reading))
    except UnreadableImageError:
        return ""  # said by whoever decodes it


def share(one: Sample) -> float:
    """Share of a picture that is looked at."""
    look_at = one.reading.look_at
    if look_at is None:
        return 1.0
    try:
        return look_at.share(decoding.image_size(one.image, one.reading))
    except UnreadableImageError:  # nothing will be made of it
        return 1.0


def only_inside(scores: Floats, one: Sample) -> Floats:
    """A map of a picture; outside of the part to look at it has the lowest score."""
    look_at = one.reading.look_at
    if look_at is None:
        return scores
    try:
        return look_at.only_inside(scores, decoding.image_size(one.image, one.reading))
    except UnreadableImageError:  # its map can be read, and has it already
        return scores
