"""Where our CFA, the authors' code and anomalib's differ in ways that change the result."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """One reading of the method; what a setting of the detector says counts before it.

    Attributes:
        pools: whether the deeper layers are pooled, too. anomalib interpolates them unpooled, by oversight.
        before_relu: whether a ResNet's features are taken before their last ReLU, through a leaky one.
        learns_radius: whether the radius is trained. anomalib's is a constant that no optimizer knows, so that
            there is nothing to repel.
        slices_by_negatives: whether the hard negatives begin at neighbour J, not K. It is the same for J = K.
        weighs: how images enter the memory: each the `same`, only those of `full` batches, or by `batch` means.
        mirrored: whether the blur sees the map mirrored beyond its border.
        image_size: side of the network's input, in pixels; None for what suits the backbone.
        stop: what ends the training before its last epoch, see `stopping`.
    """

    pools: bool = True
    before_relu: bool = False
    learns_radius: bool = True
    slices_by_negatives: bool = False
    weighs: str = "same"
    mirrored: bool = False
    image_size: int | None = None
    stop: str = "none"


# Sources: the authors' code at commit 0708086, anomalib's at 161bb36, and anomalib's of January 2023, which the tables
# of its README were made with.
RULES = {
    "default": Rules(),
    "original": Rules(before_relu=True, slices_by_negatives=True, weighs="full", mirrored=True, image_size=224),
    "anomalib": Rules(
        pools=False, learns_radius=False, slices_by_negatives=True, weighs="batch", mirrored=True, image_size=256
    ),
    "anomalib-2023": Rules(
        learns_radius=False, slices_by_negatives=True, weighs="batch", mirrored=True, image_size=224, stop="painted"
    ),
}
LAYERS = (4, 8, 16)
LAYERS_OF_VGG = (4, 8, 32)  # both codes: the ends of blocks 3 and 4, and what is pooled of block 5

# Settings that come with a reading, unless given otherwise. The authors and anomalib also choose the epoch by test
# labels; we do so only where that is asked for (stop=oracle).
_BOTH: Mapping[str, object] = {
    "memory": "places",
    "start": "random",
    "grid": "fine",
    "pool": 3,
    "scale": 0.0,
    "scored": 3,
    "radius": 1e-5,
    "learn_rate": 1e-3,
    "epochs": 30,
    "image_score": "max",
}
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "original": {**_BOTH, "batch": 4},
    "anomalib": {**_BOTH, "batch": 32},
    "anomalib-2023": {**_BOTH, "batch": 4},
}


def image_weights(count: int, batch: int, weighs: str) -> list[float]:
    """How much each of `count` training images counts in the memory; the weights add up to 1."""
    if weighs == "same":
        return [1 / count] * count
    full = count // batch
    if weighs == "full" and full:
        return [1 / (full * batch)] * (full * batch) + [0.0] * (count - full * batch)
    sizes = [min(batch, count - start) for start in range(0, count, batch)]
    return [1 / (len(sizes) * size) for size in sizes for _ in range(size)]
