"""Going on after a kill so that the result has the same bytes as without it."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from adtool.core import arrays
from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset.types import Sample

Item = TypeVar("Item")


def whole_batches(items: Sequence[Item], missing: Collection[int], size: int) -> list[Item]:
    """The items of those batches in which one is missing: in another batch, a result ends in other digits.

    Args:
        items: all, in the order in which batches of them are formed.
        missing: places of those that are to be done.
        size: of a batch.
    """
    wanted = {place // size for place in missing}
    return [item for place, item in enumerate(items) if place // size in wanted]


def to_score(samples: Sequence[Sample], done: Collection[str], size: int) -> list[Sample]:
    """The images that have no map yet, with those that share a batch with one.

    What can't be read is in no batch. It is looked for only before the last image that has its map, since images are
    done in their order; all after it are missing anyway.

    Args:
        samples: all images, of one size of the network's input (where sizes differ, neighbours of one share a batch,
            and the last digits of a few may be others).
        done: ids of those that have their map.
        size: images a batch.
    """
    if not done:
        return list(samples)
    last = max((place for place, one in enumerate(samples) if one.id in done), default=-1)
    gone = {id(one) for place, one in enumerate(samples) if place < last and one.id not in done and not _reads(one)}
    batched = [one for one in samples if id(one) not in gone]
    missing = [place for place, one in enumerate(batched) if one.id not in done]
    again = {id(one) for one in whole_batches(batched, missing, size)}
    return [one for one in samples if id(one) in again or id(one) in gone]  # what can't be read is said again


def _reads(one: Sample) -> bool:
    try:
        arrays.read_image(one.image)
    except UnreadableImageError:
        return False
    return True
