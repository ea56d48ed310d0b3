"""From vectors (or learned logits) to classes: of images directly, or of crops and then of their images."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from adtool.core.layout import NORMAL_CLASS
from adtool.discover import merge, novelty
from adtool.discover.free import cluster, count, doubts
from adtool.discover.free.doubts import Doubts
from adtool_runtime.classes import placing, vectors
from adtool_runtime.classes.placing import NO_STRENGTH, Described, Embedding, Strength
from adtool_runtime.classes.spots import SpotAxes
from adtool_runtime.classes.vectors import Vectors

AUTO = "auto"  # in the card: how the number of classes was estimated


@dataclass(frozen=True)
class Assigned:
    """Classes of N items, in their order."""

    labels: NDArray[np.int64]  # (N,) index into `names`
    confidence: NDArray[np.float64]  # (N,) 0 to 1

    def take(self, index: NDArray[np.int64]) -> "Assigned":
        """The classes of some items."""
        return Assigned(self.labels[index], self.confidence[index])


@dataclass(frozen=True)
class DiscoveredClasses:
    """Discovered classes, and what assigns new items to them."""

    names: list[str]  # K
    items: Assigned
    probabilities: Vectors  # (N, K)
    apart: Vectors  # (N, K) how far each item lies from each class, from the others in it if it is one of them
    tensors: Mapping[str, NDArray[np.floating]]
    card: Mapping[str, object]
    doubts: Doubts | None = None  # of the items' classes; None where only their logits are known
    beside: Mapping[int, Sequence[int]] = field(default_factory=dict)  # labels of an item's further spots, by its place


@dataclass(frozen=True)
class LocatedItems:
    """Where N new items lie.

    Attributes:
        items: their classes.
        points: (N, E).
        apart: (N, K) distances from the classes.
        probabilities: (N, K).
        unreduced: (N, D) directions in all dimensions, by which the free method tells what is new.
        clearness: (N,) by how much the distance of each counts in that.
    """

    items: Assigned
    points: Vectors
    apart: Vectors
    probabilities: Vectors
    unreduced: Vectors | None = None
    clearness: NDArray[np.float64] | None = None


def discover(
    described: Described,
    scores: NDArray[np.float64],
    kinds: int | None,
    seed: int,
    strong: Strength,
    axes: SpotAxes | None = None,
) -> DiscoveredClasses:
    """Cluster items.

    Args:
        described: of N items.
        scores: (N,) anomaly scores.
        kinds: number of classes, the normal one not counted; None estimates it.
        seed: of where clusters start, the same whether their number was given or estimated, and of what an estimate
            leaves out.
        strong: how anomalous such scores are.
        axes: of the spots; None where none were seen.
    """
    embedding = replace(cluster.fit_embedding(described, scores, strong), spots=axes)
    points, strength = embedding.directions(described), embedding.strength.of(scores)
    odd = points[strength > NO_STRENGTH]
    estimate = None
    if kinds is None:
        estimate = count.estimate(odd, np.random.default_rng(seed))
        kinds = estimate.count
    centres = cluster.find_centres(odd, kinds, int(np.random.default_rng(seed).integers(2**31)))
    placed = placing.place(points, strength, centres)
    whole = embedding.whole(described, scores)
    middles = cluster.centres(whole, placed.labels, 1 + len(centres))
    tensors: dict[str, NDArray[np.floating]] = {
        "centres": centres,
        "middles": middles,
        "scale": embedding.scale,
        "origin": embedding.origin,
        "axes": embedding.axes,
        **embedding.traits.tensors(),
        **({} if axes is None else axes.tensors()),
        **_remembered(embedding, described, scores, strength > NO_STRENGTH),
    }
    card: dict[str, object] = {
        "method": "free",
        "score_middle": embedding.strength.middle,
        "score_width": embedding.strength.width,
    }
    if estimate is not None:
        card[AUTO] = dataclasses.asdict(estimate)
    return DiscoveredClasses(
        cluster.name_by_size(placed.labels, 1 + len(centres)),
        Assigned(placed.labels, placed.confidence),
        placed.probabilities,
        novelty.from_others(vectors.distances(whole, middles), placed.labels),
        tensors,
        card,
        doubts.find(points, placed.labels, range(1, 1 + len(centres)), seed),
    )


def _remembered(
    embedding: Embedding, described: Described, scores: NDArray[np.float64], is_odd: NDArray[np.bool_]
) -> dict[str, NDArray[np.float32]]:
    """Where anomalies lie, by which new ones are told."""
    lies = embedding.close(described)
    if lies is None:
        return novelty.remembered(embedding.unreduced(described)[is_odd], np.ones(int(is_odd.sum())), close=False)
    return novelty.remembered(lies[is_odd], embedding.clearness(described, scores)[is_odd], close=True)


def from_logits(
    logits: NDArray[np.float64], scores: NDArray[np.float64], n_base: int, saved: Mapping[str, NDArray[np.floating]]
) -> DiscoveredClasses:
    """Classes of crops from learned logits.

    Args:
        logits: (R, base + K) cosine logits.
        scores: (R,) anomaly scores, which tell the normal class.
        n_base: the first columns belong to labelled base classes, which no crop can be.
        saved: the weights that made the logits.
    """
    probabilities = placing.class_probabilities(logits, n_base)[:, n_base:]
    labels = probabilities.argmax(axis=1)
    names = cluster.name_clusters(labels, scores, probabilities.shape[1])
    items = Assigned(labels, probabilities.max(axis=1))
    card = {"method": "trained", "n_base": n_base}
    return DiscoveredClasses(names, items, probabilities, 1 - logits[:, n_base:], saved, card)


def merge_crops(
    classes: DiscoveredClasses,
    crop_image: NDArray[np.int64],
    area_px: NDArray[np.int64],
    temperature: NDArray[np.float64],
    normality: NDArray[np.float64] | None = None,
) -> Assigned:
    """Classes of images from those of their crops; see `merge.merge_regions`.

    Args:
        classes: of the crops.
        crop_image: (R,) which image a crop is from.
        area_px: (R,).
        temperature: (R,).
        normality: (N,) share of the normal class that is mixed into each image's probabilities.
    """
    merged = merge.merge_regions(classes.probabilities, crop_image, area_px, temperature)
    if normality is not None:
        merged *= 1 - normality[:, None]
        merged[:, classes.names.index(NORMAL_CLASS)] += normality
    return Assigned(merged.argmax(axis=1), merged.max(axis=1))


def certainly_normal(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure a strength below one half makes that an image is normal: 1 at 0, nothing from one half on."""
    return np.clip(1 - strength / NO_STRENGTH, 0, 1)
