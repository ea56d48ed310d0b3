"""From vectors (or learned logits) to classes: of images directly, or of crops and then of their images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool.core.layout import NORMAL_CLASS
from adtool.discover import cluster, merge
from adtool.discover.cluster import Embedding, Vectors
from adtool.discover.features import Described

NO_STRENGTH = 0.5  # below it, an image without any region is normal


@dataclass(frozen=True)
class Assigned:
    """Classes of N items, in their order."""

    labels: NDArray[np.int64]  # (N,) index into `names`
    confidence: NDArray[np.float64]  # (N,) 0 to 1

    def take(self, index: NDArray[np.int64]) -> "Assigned":
        """The classes of some items."""
        return Assigned(self.labels[index], self.confidence[index])


@dataclass(frozen=True)
class Classes:
    """Discovered classes, and what assigns new items to them."""

    names: list[str]  # K
    items: Assigned
    probabilities: Vectors  # (N, K)
    tensors: Mapping[str, NDArray[np.floating]]
    card: Mapping[str, object]


def discover(
    described: Described,
    scores: NDArray[np.float64],
    count: int | None,
    rng: np.random.Generator,
    normal_scores: NDArray[np.float64] | None = None,
) -> Classes:
    """Cluster items.

    Args:
        described: of N items.
        scores: (N,) anomaly scores.
        count: number of classes, the normal one included; None chooses it.
        rng: for the parts that are drawn from very many items.
        normal_scores: see `Embedding.fit`.
    """
    embedding = Embedding.fit(described.differences, described.scale, scores, normal_scores)
    points = embedding.points(described.differences, scores)
    labels = cluster.cluster(points, count or cluster.best_count(points, rng), rng)
    names = cluster.name_clusters(labels, scores)
    centres = cluster.centres(points, labels)
    probabilities = merge.class_probabilities(-cluster.distances(points, centres))
    confidence = np.maximum(cluster.silhouette(points, labels), 0)
    tensors = {
        "centres": centres,
        "scale": embedding.scale,
        "origin": embedding.origin,
        "axes": embedding.axes,
    }
    card = {"method": "free", "score_middle": embedding.strength.middle, "score_width": embedding.strength.width}
    return Classes(names, Assigned(labels, confidence), probabilities, tensors, card)


def from_logits(
    logits: NDArray[np.float64], scores: NDArray[np.float64], n_base: int, saved: Mapping[str, NDArray[np.floating]]
) -> Classes:
    """Classes of crops from learned logits.

    Args:
        logits: (R, base + K) cosine logits.
        scores: (R,) anomaly scores, which tell the normal class.
        n_base: the first columns belong to labelled base classes, which no crop can be.
        saved: the weights that made the logits.
    """
    probabilities = merge.class_probabilities(logits, n_base)[:, n_base:]
    labels = probabilities.argmax(axis=1)
    names = cluster.name_clusters(labels, scores, probabilities.shape[1])
    items = Assigned(labels, probabilities.max(axis=1))
    return Classes(names, items, probabilities, saved, {"method": "trained", "n_base": n_base})


def merge_crops(
    classes: Classes,
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


def without_regions_normal(
    images: Assigned, names: list[str], strength: NDArray[np.float64], has_region: NDArray[np.bool_]
) -> Assigned:
    """Images without a region and of little strength are normal, wherever their features lie."""
    normal = names.index(NORMAL_CLASS)
    change = ~has_region & (strength < NO_STRENGTH) & (images.labels != normal)
    return Assigned(np.where(change, normal, images.labels), np.where(change, 0.0, images.confidence))
