"""A class that a review split, for images to come: its halves take its place among the middles of the classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adtool.core.layout import SECOND
from adtool.core.model_cards import ClassesCard
from adtool.discover.free.doubts import HALVES
from adtool.nn import weight_files

Tensors = Mapping[str, NDArray[Any]]


def is_split(card: ClassesCard) -> bool:
    """Whether a review split a class."""
    return any(name.endswith(SECOND) for name in card.review)


def misfit(card: ClassesCard, tensors: Tensors) -> str:
    """What is wrong with what is stored of the halves; empty where nothing is."""
    if card.doubts.split + SECOND not in card.review or card.doubts.split not in card.classes[1:]:
        return f"the class that was split is not '{card.doubts.split}'"
    return weight_files.misfit(tensors, {HALVES: (2, tensors["centres"].shape[1])}) or ""


def apart(card: ClassesCard, tensors: Tensors) -> tuple[ClassesCard, Tensors]:
    """The card and the tensors with one class more, the second half of the one that a review split, if it did."""
    if not is_split(card):
        return card, tensors
    place = card.classes.index(card.doubts.split)  # the normal class is the first, and has no centre
    centres, middles = tensors["centres"].copy(), tensors["middles"]
    centres[place - 1] = tensors[HALVES][0]
    more = {
        "centres": np.concatenate([centres, tensors[HALVES][1:]]),
        "middles": np.concatenate([middles, middles[place : place + 1]]),  # distances stay those from the whole class
    }
    return card.model_copy(update={"classes": [*card.classes, card.doubts.split + SECOND]}), {**tensors, **more}
