"""The step's training-free method: whole images by their maps, or crops by their masks, to classes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adtool.discover import assign, novelty
from adtool.discover.assign import Assigned, DiscoveredClasses, LocatedItems
from adtool.discover.free import beside, features, spots
from adtool.discover.free.features import NO_FURTHER, Further, Item
from adtool.nn.backbone import Backbone
from adtool.nn.networks import LayerInfo
from adtool_runtime.classes import placing, vectors
from adtool_runtime.classes.placing import NO_STRENGTH, Described, Embedding, Strength
from adtool_runtime.classes.spots import SpotAxes, Spots
from adtool_runtime.classes.traits import DescriptorScaling

SPOTS = "spots"  # folder below that of the work

Close = Callable[[], Backbone]


@dataclass(frozen=True)
class Sight:
    """How items are seen.

    Attributes:
        whole: the network that sees all of an item.
        close: gives the one that sees its spot; None where nobody looks at spots.
        image_size: side of the whole's input, in pixels.
        batch_size: items a batch.
        cache: folder for what is described.
    """

    whole: Backbone
    close: Close | None
    image_size: int
    batch_size: int
    cache: Path

    def described(self, items: Sequence[Item], further: Further = NO_FURTHER) -> Described:
        """What all of each item looks like; `further` ones of the same images are seen in the same pass."""
        sizes = {"image_size": self.image_size, "batch_size": self.batch_size}
        return features.describe(items, self.whole, self.cache, **sizes, further=further)

    def spots(self, items: Sequence[Item], places: NDArray[np.int64]) -> tuple[Spots | None, tuple[LayerInfo, ...]]:
        """The spots of some items, and the layers that they were seen in; none where nobody looks at spots."""
        if self.close is None:
            return None, ()
        net = self.close()
        return spots.see(items, places, net, self.cache / SPOTS), net.layers


def find(
    items: Sequence[Item],
    scores: NDArray[np.float64],
    strong: Strength,
    sight: Sight,
    kinds: int | None,
    seed: int,
) -> DiscoveredClasses:
    """Describe items and cluster them.

    Args:
        items: N, at least one.
        scores: (N,) their anomaly scores.
        strong: how anomalous such scores are.
        sight: how they are seen.
        kinds: number of classes, the normal one not counted; None estimates it.
        seed: see `assign.discover`.
    """
    is_odd = strong.of(scores) > NO_STRENGTH
    odd = np.flatnonzero(is_odd) if sight.close else np.zeros(0, np.int64)
    more = beside.items(items, odd)
    described = sight.described(items, beside.of_images(items, *more))
    seen, layers = sight.spots(items, spots.asked_for(scores, is_odd)) if is_odd.any() else (None, ())
    if seen is None:
        return assign.discover(described, scores, kinds, seed, strong)
    axes = spots.fit(seen, is_odd, [layer.channels for layer in layers])
    found = assign.discover(replace(described, spots=seen), scores, kinds, seed, strong, axes)
    card = {**found.card, "spot_layers": [layer.index for layer in layers]}
    return replace(found, card=card, beside=_beside(found, *more, scores, strong, sight))


def _beside(
    found: DiscoveredClasses,
    more: Sequence[Item],
    owners: NDArray[np.int64],
    scores: NDArray[np.float64],
    strong: Strength,
    sight: Sight,
) -> dict[int, list[int]]:
    """The classes of the further spots of anomalies, by the place of the item."""
    classes: dict[int, list[int]] = {}
    if more:
        labels = locate(found.tensors, strong, more, scores[owners], sight).items.labels
        for owner, label in zip(owners.tolist(), labels.tolist(), strict=True):
            classes.setdefault(owner, []).append(label)
    return classes


def locate(
    tensors: Mapping[str, NDArray[Any]],
    strength: Strength,
    items: Sequence[Item],
    scores: NDArray[np.float64],
    sight: Sight,
) -> LocatedItems:
    """Where new items lie among classes that were found before.

    Args:
        tensors: of the classes.
        strength: of their scores.
        items: N, at least one.
        scores: (N,) their anomaly scores.
        sight: as they were found.
    """
    described = sight.described(items)
    axes = SpotAxes.stored(tensors)
    if axes is not None:
        odd = np.flatnonzero(strength.of(scores) > NO_STRENGTH)
        none = Spots(np.zeros((0, len(axes.scale))), odd)  # a network is loaded for those that there are
        described = replace(described, spots=sight.spots(items, odd)[0] if len(odd) else none)
    scaling = DescriptorScaling.stored(tensors)
    embedding = Embedding(tensors["scale"], tensors["origin"], tensors["axes"], scaling, strength, axes)
    placed = placing.place(embedding.directions(described), strength.of(scores), tensors["centres"])
    whole = embedding.whole(described, scores)
    apart = vectors.distances(whole, tensors["middles"])
    found = Assigned(placed.labels, placed.confidence)
    if (lies := embedding.close(described)) is not None and novelty.is_close(tensors):
        return LocatedItems(found, whole, apart, placed.probabilities, lies, embedding.clearness(described, scores))
    return LocatedItems(found, whole, apart, placed.probabilities, embedding.unreduced(described), np.ones(len(items)))
