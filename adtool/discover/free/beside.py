"""Further spots in a picture that has one already: with two kinds of defect it belongs to two classes."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool.core import progress
from adtool.core.arrays import Bytes, Floats
from adtool.discover.free.features import Item
from adtool_runtime import parallel

SPOT, CLEAR = (
    0.5,
    0.6,
)  # of the way from the guide's median to its maximum: what is a spot, and what its peak must reach
MOST = 2  # further spots of a picture, the highest ones


def guides(guide: Floats) -> list[Floats]:
    """The guide of each further spot alone: what lies nearer to another spot is as low as the median.

    Args:
        guide: (h, w) of a picture.
    """
    low, high = float(np.median(guide)), float(guide.max())
    count, labels = cv2.connectedComponents((guide >= low + SPOT * (high - low)).astype(np.uint8), connectivity=8)
    own = int(labels[np.unravel_index(guide.argmax(), guide.shape)])
    peaks = {label: float(guide[labels == label].max()) for label in range(1, count) if label != own}
    clear = [label for label, peak in peaks.items() if peak >= low + CLEAR * (high - low) and high > low]
    chosen = sorted(clear, key=lambda label: -peaks[label])[:MOST]
    if not chosen:
        return []
    away = {
        label: cv2.distanceTransform((labels != label).astype(np.uint8), cv2.DIST_L2, 5) for label in range(1, count)
    }
    nearest = np.min(list(away.values()), axis=0)
    return [np.where(away[label] <= nearest, guide, np.float32(low)).astype(np.float32) for label in chosen]


def items(of: Sequence[Item], places: NDArray[np.int64]) -> tuple[list[Item], NDArray[np.int64]]:
    """Further spots as items of their own, and which item each is of, (M,).

    Args:
        of: items whose guide is their map.
        places: which of them are looked at.
    """
    found: list[Item] = []
    owners: list[int] = []
    counted = parallel.prefetch(places.tolist(), lambda place: len(guides(of[place].load()[1])))
    for place, count in progress.track(counted, "further spots", len(places)):
        found += [_item(of[place], number) for number in range(count)]
        owners += [place] * count
    return found, np.array(owners, np.int64)


def of_images(of: Sequence[Item], further: Sequence[Item], owners: NDArray[np.int64]) -> dict[str, list[Item]]:
    """The further items by the key of the item whose image they share; arguments as `items` takes and gives them."""
    found: dict[str, list[Item]] = {}
    for owner, item in zip(owners.tolist(), further, strict=True):
        found.setdefault(of[owner].key, []).append(item)
    return found


def _item(one: Item, number: int) -> Item:
    def load() -> tuple[Bytes, Floats]:
        image, guide = one.load()
        return image, guides(guide)[number]

    return replace(one, key=f"{one.key}+{number + 1}", load=load)
