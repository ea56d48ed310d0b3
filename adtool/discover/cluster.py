"""Training-free classes: images (or crops) whose anomalies look alike.

What is clustered is direction times strength. The direction is how an anomaly's features differ from those of the
least anomalous images, scaled to length 1: it tells kinds apart. The strength, a sigmoid of the anomaly score, pulls
normal images to the origin, where they form a class of their own. Constants were chosen on defects painted on
held-out normal tiles (`core.synth`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, ward

from adtool.core.layout import NORMAL_CLASS

LOW_SHARE = 0.3  # share of the images, those with the lowest scores, that stand for normal
STRENGTH_WIDTH = 0.5  # of the sigmoid, in robust standard deviations of the scores
NORMAL_QUANTILE = 0.8  # of the scores of held-out normal images
MAX_AXES = 24  # main axes that are kept
NORMAL_IQR = 1.349  # interquartile range of a normal distribution with deviation 1
MAX_LINKED = 5000  # Ward's method takes N^2 / 2 distances: 100 MB here
AUTO_COUNTS = range(3, 11)
AUTO_MEAN_SIZE = 5  # images a class: with fewer on average, a class is no finding

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Strength:
    """How anomalous a score is: a sigmoid."""

    middle: float  # score at which it is one half
    width: float

    @classmethod
    def fit(cls, scores: NDArray[np.float64], normal_scores: NDArray[np.float64] | None = None) -> "Strength":
        """Fit to a category.

        Args:
            scores: (N,) anomaly scores.
            normal_scores: scores of images known to be normal and not used to make the maps, if there are any; the
                strength is then one half at their `NORMAL_QUANTILE`, else at the median of `scores`.
        """
        first, middle, third = np.quantile(scores, [0.25, 0.5, 0.75])
        if normal_scores is not None and len(normal_scores):
            middle = np.quantile(normal_scores, NORMAL_QUANTILE)
        return cls(float(middle), float(max(STRENGTH_WIDTH * (third - first) / NORMAL_IQR, 1e-9)))

    def of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of each score, from 0 to 1."""
        return 1 / (1 + np.exp(np.clip(-(scores - self.middle) / self.width, -50, 50)))


@dataclass(frozen=True)
class Embedding:
    """How vectors and scores become points; fitted once, then used for new images as well."""

    scale: NDArray[np.float64]  # (D,) of one token, see `features.Described`
    origin: NDArray[np.float64]  # (D,) scaled vector of a normal image
    axes: NDArray[np.float64]  # (E, D) main axes of the scaled vectors
    strength: Strength

    @classmethod
    def fit(
        cls,
        vectors: Vectors,
        scale: NDArray[np.float64],
        scores: NDArray[np.float64],
        normal_scores: NDArray[np.float64] | None = None,
    ) -> "Embedding":
        """Fit to a category.

        Args:
            vectors: (N, D).
            scale: (D,).
            scores: (N,) anomaly scores.
            normal_scores: see `Strength.fit`.
        """
        scaled = vectors / scale
        low = scores <= np.quantile(scores, LOW_SHARE)
        _, _, axes = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
        strength = Strength.fit(scores, normal_scores)
        return cls(scale, scaled[low].mean(axis=0), axes[:MAX_AXES], strength)

    def points(self, vectors: Vectors, scores: NDArray[np.float64]) -> Vectors:
        """(N, D) vectors and (N,) scores -> (N, E) points in the unit ball."""
        difference = (vectors / self.scale - self.origin) @ self.axes.T
        length = np.linalg.norm(difference, axis=1, keepdims=True)
        return difference / np.maximum(length, 1e-12) * self.strength.of(scores)[:, None]


def cluster(points: Vectors, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ward clustering into at most `count` clusters; (N, D) -> (N,) labels from 0.

    Beyond `MAX_LINKED` points a random part of them is clustered, and the rest joins the nearest centre.
    """
    if len(points) <= 1:
        return np.zeros(len(points), np.int64)
    if len(points) <= MAX_LINKED:
        return fcluster(ward(points), count, criterion="maxclust").astype(np.int64) - 1
    part = rng.choice(len(points), MAX_LINKED, replace=False)
    labels = fcluster(ward(points[part]), count, criterion="maxclust").astype(np.int64) - 1
    nearest = distances(points, centres(points[part], labels)).argmin(axis=1)
    return np.unique(nearest, return_inverse=True)[1].astype(np.int64)  # without labels that nobody has


def centres(points: Vectors, labels: NDArray[np.int64]) -> Vectors:
    """Mean of each cluster, (K, D)."""
    return np.array([points[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)])


def distances(points: Vectors, means: Vectors) -> NDArray[np.float64]:
    """Euclidean distances, (N, D) and (K, D) -> (N, K)."""
    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ means.T + (means**2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0))


def best_count(points: Vectors, rng: np.random.Generator) -> int:
    """The number of clusters with the largest mean simplified silhouette; 2 where there is nothing to choose."""
    quality = {}
    for count in AUTO_COUNTS:
        if count * AUTO_MEAN_SIZE <= len(points):
            labels = cluster(points, count, rng)
            quality[count] = float(silhouette(points, labels).mean())
    return max(quality, key=lambda count: quality[count]) if quality else 2


def silhouette(points: Vectors, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much nearer each point lies to its own centre than to the next one, from -1 to 1; (N,)."""
    apart = distances(points, centres(points, labels))
    rows = np.arange(len(points))
    own = apart[rows, labels]
    apart[rows, labels] = math.inf
    other = apart.min(axis=1)
    if not np.isfinite(other).all():  # a single cluster
        return np.zeros(len(points))
    return (other - own) / np.maximum(np.maximum(other, own), 1e-12)


def name_clusters(labels: NDArray[np.int64], scores: NDArray[np.float64], count: int | None = None) -> list[str]:
    """A class name for each label: `normal` for the lowest median score, the others c1, c2, ... by size.

    Args:
        labels: (N,) from 0.
        scores: (N,).
        count: number of labels, of which some may have no item; those that occur by default.
    """
    sizes = np.bincount(labels, minlength=count or 0)
    found = [label for label in range(len(sizes)) if sizes[label]]
    normal = min(found, key=lambda label: float(np.median(scores[labels == label])))
    others = sorted((label for label in range(len(sizes)) if label != normal), key=lambda label: (-sizes[label], label))
    names = {normal: NORMAL_CLASS} | {label: f"c{rank}" for rank, label in enumerate(others, start=1)}
    return [names[label] for label in range(len(sizes))]
