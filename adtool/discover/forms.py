"""The shapes of what is stored of classes, by which damage is told."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from adtool.core.model_cards import ClassesCard
from adtool.discover.config import AC
from adtool_runtime.classes import spots, traits

Form = tuple[int | str, ...]

# Shapes that don't depend on the number of classes.
ANY_COUNT: Mapping[str, Mapping[str, Form]] = {
    "trained": {"distances": ("N",), "head": ("K", "D")},
    "free": {
        "distances": ("N",),
        "scale": ("D",),
        "origin": ("D",),
        "axes": ("E", "D"),
        **{f"traits_{name}": (len(traits.NAMES),) for name in ("middle", "width", "origin")},
        "traits_length": (1,),
    },
    AC: {"distances": ("N",), "points": ("N", "D"), "labels": ("N",), "references": ("M", "P", "D"), "scale": ("D",)},
}


def of_count(card: ClassesCard, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Form]:
    """The shapes that the number of classes and other tensors decide."""
    count = len(card.classes)
    if card.method == "trained":
        return {"head": (card.n_base + count, "D")}
    if card.method == AC:
        return {}
    size = tensors["axes"].shape[0] + tensors["traits_middle"].shape[0]
    sizes: dict[str, Form] = {"middles": (count, tensors["scale"].shape[0])}
    if card.spot_layers:
        sizes |= dict(zip(spots.TENSORS, (("S",), ("S",), ("F", "S")), strict=True))
        size += len(tensors[spots.TENSORS[-1]]) if spots.TENSORS[-1] in tensors else 0
    return {**sizes, "centres": (count - 1, size)}
