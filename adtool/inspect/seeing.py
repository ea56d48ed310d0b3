"""New images are read as those were that the model learned from: one range of grey values, turned or not."""

import logging
from collections.abc import Sequence

from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample
from adtool.core.pictures.survey import named, survey
from adtool.core.words import subject
from adtool_runtime.pictures import reading
from adtool_runtime.pictures.reading import PictureReading

log = logging.getLogger("adtool")


def read_as_learned(samples: Sequence[Sample], learned: PictureReading) -> tuple[Sample, ...]:
    """The new images, to be read with the range that the model's images had, even where they are darker.

    Args:
        samples: the new images.
        learned: how the model's images were read.

    Raises:
        BadDataError: the model's images held integers and these floats, or the other way round.
    """
    found = survey([one.image for one in samples], learned)
    found.say()
    if learned == reading.UNNOTED:
        if found.tagged:
            log.warning(
                "%s an orientation tag (%s). The model is of an earlier version, which did not turn its "
                "images, so these are not turned either. Learn again (`adtool maps --force`) to have all turned.",
                subject(len(found.tagged), "image", "has", "have"), named(found.tagged),
            )  # fmt: skip
        return dataset_folder.with_reading(samples, learned)
    _compare(learned, found.reading, found.deep, found.shallow)
    return dataset_folder.with_reading(samples, found.reading)


def _compare(learned: PictureReading, now: PictureReading, deep: Sequence[object], shallow: Sequence[object]) -> None:
    if learned.learned_bytes and deep:
        log.warning(
            "The model learned from images of 8 bits, %d of these have more (%s is read as black to white). Make sure "
            "that the same grey means the same.", len(deep), now.grey,
        )  # fmt: skip
    if learned.learned_deep and shallow and not deep:
        log.warning(
            "The model learned from images of more than 8 bits, %d of these have 8. Make sure that the same grey means "
            "the same.", len(shallow),
        )  # fmt: skip
