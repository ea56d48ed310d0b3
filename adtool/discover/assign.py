"""From vectors to classes: of images directly, or of crops and then of their images."""

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
    centres: Vectors  # (K, E)
    embedding: Embedding
    items: Assigned
    probabilities: Vectors  # (N, K) by distance to the centres


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
    return Classes(names, centres, embedding, Assigned(labels, confidence), probabilities)


def merge_crops(
    classes: Classes,
    crop_image: NDArray[np.int64],
    area_px: NDArray[np.int64],
    temperature: NDArray[np.float64],
) -> Assigned:
    """Classes of images from those of their crops; see `merge.merge_regions`."""
    merged = merge.merge_regions(classes.probabilities, crop_image, area_px, temperature)
    return Assigned(merged.argmax(axis=1), merged.max(axis=1))


def without_regions_normal(
    images: Assigned, classes: Classes, scores: NDArray[np.float64], has_region: NDArray[np.bool_]
) -> Assigned:
    """Images without a region and with a low score are normal, wherever their features lie."""
    normal = classes.names.index(NORMAL_CLASS)
    change = ~has_region & (classes.embedding.strength(scores) < NO_STRENGTH) & (images.labels != normal)
    return Assigned(np.where(change, normal, images.labels), np.where(change, 0.0, images.confidence))
