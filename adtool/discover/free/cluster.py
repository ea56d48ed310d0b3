"""Training-free classes: images (or crops) whose anomalies look alike.

An image whose score says so is normal. The others are clustered by k-means of directions: how an anomaly's features
differ from those of the least anomalous images, scaled to length 1, beside its plain traits (`traits`). Constants
were chosen on defects painted on held-out normal tiles and on generated data (`core.synthetic.defects`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from adtool.core.layout import NORMAL_CLASS
from adtool.discover import merge
from adtool.discover.descriptors import DescriptorScaling
from adtool.discover.free.features import Described

LOW_SHARE = 0.3  # share of the images, those with the lowest scores, that stand for normal
STRENGTH_WIDTH = 0.5  # of the sigmoid, in robust standard deviations of the scores
NORMAL_QUANTILE = 0.8  # of the scores of held-out normal images
NO_STRENGTH = 0.5  # up to it, an image is normal
MAX_AXES = 24  # main axes that are kept
TRAITS_WEIGHT = 0.7  # length of the traits, where that of the features is 1
NORMAL_IQR = 1.349  # interquartile range of a normal distribution with deviation 1
STARTS = 20  # of k-means
NORMAL_LABEL = 0

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Strength:
    """How anomalous a score is: a sigmoid."""

    middle: float  # score at which it is one half
    width: float

    @classmethod
    def fit(
        cls,
        scores: NDArray[np.float64],
        normal_scores: NDArray[np.float64] | None = None,
        limit: float | None = None,
    ) -> "Strength":
        """Fit to a category.

        Args:
            scores: (N,) anomaly scores.
            normal_scores: scores of images known to be normal and not used to make the maps, if there are any.
            limit: above which parts are NOK, if there is one. The strength is one half there, else at the
                `NORMAL_QUANTILE` of the normal images, else where `scores` fall into two groups.
        """
        first, third = np.quantile(scores, [0.25, 0.75])
        if limit is not None:
            middle = limit
        elif normal_scores is not None and len(normal_scores):
            middle = float(np.quantile(normal_scores, NORMAL_QUANTILE))
        else:
            middle = between_groups(scores)
        return cls(middle, float(max(STRENGTH_WIDTH * (third - first) / NORMAL_IQR, 1e-9)))

    def of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of each score, from 0 to 1."""
        return 1 / (1 + np.exp(np.clip(-(scores - self.middle) / self.width, -50, 50)))


def between_groups(scores: NDArray[np.float64]) -> float:
    """The score between the low and the high ones: Otsu's threshold, of logarithms where all scores are positive.

    Scores of anomalies spread over more than one order of magnitude, and so hide the others' from Otsu's rule.
    """
    positive = bool((scores > 0).all())
    values = np.sort(np.log(scores) if positive else scores)
    if values[0] == values[-1]:
        return float(scores[0])
    low = np.arange(1, len(values))
    sums = np.cumsum(values)
    apart = sums[:-1] / low - (sums[-1] - sums[:-1]) / (len(values) - low)
    best = int((low * (len(values) - low) * apart**2).argmax())
    middle = (values[best] + values[best + 1]) / 2
    return float(np.exp(middle) if positive else middle)


@dataclass(frozen=True)
class Embedding:
    """How anomalies become points; fitted once, then used for new images as well."""

    scale: NDArray[np.float64]  # (D,) of one token, see `features.Described`
    origin: NDArray[np.float64]  # (D,) scaled vector of a normal image
    axes: NDArray[np.float64]  # (E, D) main axes of the scaled vectors
    traits: DescriptorScaling
    strength: Strength

    @classmethod
    def fit(cls, described: Described, scores: NDArray[np.float64], strength: Strength) -> "Embedding":
        """Fit to a category.

        Args:
            described: of N items.
            scores: (N,) anomaly scores.
            strength: of such scores.
        """
        scaled = described.differences / described.scale
        low = scores <= np.quantile(scores, LOW_SHARE)
        _, _, axes = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
        traits = DescriptorScaling.fit(described.traits, strength.of(scores) <= NO_STRENGTH)
        return cls(described.scale, scaled[low].mean(axis=0), axes[:MAX_AXES], traits, strength)

    def directions(self, described: Described) -> Vectors:
        """Points of N items, about one away from the origin: (N, E + T)."""
        features = unit((described.differences / self.scale - self.origin) @ self.axes.T)
        traits = TRAITS_WEIGHT * self.traits.of(described.traits)
        return np.concatenate([features, traits], axis=1) / math.hypot(1, TRAITS_WEIGHT)

    def whole(self, described: Described, scores: NDArray[np.float64]) -> Vectors:
        """Directions of the features times strength, (N, D).

        In all dimensions: what is new does not lie on the main axes of what was there.
        """
        found: Vectors = self.unreduced(described) * self.strength.of(scores)[:, None]
        return found

    def unreduced(self, described: Described) -> Vectors:
        """Directions of the features in all dimensions, (N, D)."""
        return unit(described.differences / self.scale - self.origin)


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; one of length 0 stays."""
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found


def find_centres(points: Vectors, count: int, seed: int) -> Vectors:
    """Centres of at most `count` clusters; (N, E) -> (K, E), with no row where there is no point."""
    count = min(count, len(np.unique(points, axis=0)))
    if not count:
        return np.zeros((0, points.shape[1]))
    found: Vectors = KMeans(count, n_init=STARTS, random_state=seed).fit(points).cluster_centers_
    return found


@dataclass(frozen=True)
class Clustering:
    """Classes of N items; label 0 is the normal one.

    Attributes:
        labels: (N,).
        confidence: (N,) 0 to 1: how far from one half the strength of a normal item lies; how much nearer another
            lies to its centre than to the next.
        probabilities: (N, 1 + K).
    """

    labels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    probabilities: Vectors


def place(points: Vectors, strength: NDArray[np.float64], centres: Vectors) -> Clustering:
    """Normal where there is no strength, else the class with the nearest centre; (N, E), (N,), (K, E)."""
    apart = distances(points, centres)
    normal = strength <= NO_STRENGTH if len(centres) else np.ones(len(points), bool)
    # The same as -distance over a temperature in a softmax, in which a normal item has its own column alone.
    logits = np.concatenate([np.where(normal, 0, -math.inf)[:, None], np.where(normal[:, None], -math.inf, -apart)], 1)
    probabilities = merge.class_probabilities(logits)
    labels = probabilities.argmax(axis=1)
    sure = 1 - strength / NO_STRENGTH
    if len(centres):
        sure = np.where(normal, sure, margin(apart, np.maximum(labels - 1, 0)))
    return Clustering(labels, np.clip(sure, 0, 1), probabilities)


def centres(points: Vectors, labels: NDArray[np.int64], count: int) -> Vectors:
    """Mean of each cluster, (K, D); the origin for one without points."""
    found = np.zeros((count, points.shape[1]))
    for label in np.unique(labels):
        found[label] = points[labels == label].mean(axis=0)
    return found


def distances(points: Vectors, means: Vectors) -> NDArray[np.float64]:
    """Euclidean distances, (N, D) and (K, D) -> (N, K)."""
    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ means.T + (means**2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0))


def margin(apart: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much nearer each point lies to its own centre than to the next one, from -1 to 1.

    The simplified silhouette; (N, K) distances, (N,) labels -> (N,), 0 where there is one cluster alone.
    """
    rows = np.arange(len(apart))
    own = apart[rows, labels]
    others = apart.copy()
    others[rows, labels] = math.inf
    other = others.min(axis=1)
    if not np.isfinite(other).all():  # a single cluster
        return np.zeros(len(apart))
    return (other - own) / np.maximum(np.maximum(other, own), 1e-12)


def name_clusters(labels: NDArray[np.int64], scores: NDArray[np.float64], count: int | None = None) -> list[str]:
    """A class name for each label: `normal` for the lowest median score, the others c1, c2, ... by size.

    Args:
        labels: (N,) from 0.
        scores: (N,).
        count: number of labels, of which some may have no item; those that occur by default.
    """
    sizes = np.bincount(labels, minlength=count or 0)
    found = np.flatnonzero(sizes)
    normal = min(found.tolist(), key=lambda label: float(np.median(scores[labels == label])))
    return name_by_size(labels, len(sizes), normal)


def name_by_size(labels: NDArray[np.int64], count: int, normal: int = NORMAL_LABEL) -> list[str]:
    """A class name for each of `count` labels: `normal` for one of them, the others c1, c2, ... by size."""
    sizes = np.bincount(labels, minlength=count)
    others = sorted((label for label in range(count) if label != normal), key=lambda label: (-sizes[label], label))
    names = {normal: NORMAL_CLASS} | {label: f"c{rank}" for rank, label in enumerate(others, start=1)}
    return [names[label] for label in range(count)]
