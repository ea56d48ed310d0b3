"""Where our CFA, the authors' code and anomalib's differ in ways that change the result."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """One reading of the method.

    Attributes:
        pools: whether the deeper layers are pooled, too. anomalib interpolates them unpooled, by oversight.
        before_relu: whether a ResNet's features are taken before their last ReLU, through a leaky one.
        learns_radius: whether the radius is trained. anomalib's is a constant that no optimizer knows, so that
            there is nothing to repel.
        slices_by_negatives: whether the hard negatives begin at neighbour J, not K. It is the same for J = K.
        weighs: how images enter the memory: each the `same`, only those of `full` batches, or by `batch` means.
        scales: whether features are scaled before training, see `Settings.scale`.
        mirrored: whether the blur sees the map mirrored beyond its border.
    """

    pools: bool = True
    before_relu: bool = False
    learns_radius: bool = True
    slices_by_negatives: bool = False
    weighs: str = "same"
    scales: bool = True
    mirrored: bool = False


# Sources: the authors' code at commit 0708086, anomalib's at 161bb36.
RULES = {
    "default": Rules(),
    "original": Rules(before_relu=True, slices_by_negatives=True, weighs="full", scales=False, mirrored=True),
    "anomalib": Rules(
        pools=False, learns_radius=False, slices_by_negatives=True, weighs="batch", scales=False, mirrored=True
    ),
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
