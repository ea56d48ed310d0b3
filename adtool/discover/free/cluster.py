"""Training-free classes: images (or crops) whose anomalies look alike.

An image whose score says so is normal. The others are clustered by directions: how an anomaly's features differ from
those of the least anomalous images, scaled to length 1, beside its plain traits (`traits`). Ward's method makes the
better clusters there than k-means, but a few images more or less may turn them over; so it groups many draws of the
images, and the grouping is taken that agrees most with the others. Constants were chosen on defects painted on held-out
normal tiles and on generated data (`core.synthetic.defects`).
"""

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from adtool.core.layout import NORMAL_CLASS
from adtool_runtime.classes.placing import NO_STRENGTH, Described, Embedding, Strength
from adtool_runtime.classes.traits import DescriptorScaling
from adtool_runtime.classes.vectors import Vectors, distances

LOW_SHARE = 0.3  # share of the images, those with the lowest scores, that stand for normal
STRENGTH_WIDTH = 0.5  # of the sigmoid, in robust standard deviations of the scores
NORMAL_QUANTILE = 0.8  # of the scores of held-out normal images
MAX_AXES = 24  # main axes that are kept
NORMAL_IQR = 1.349  # interquartile range of a normal distribution with deviation 1
DRAWS = 20  # of the points that are clustered
SHARE = 0.8  # of the points in a draw
MOST = 2000  # of them, since Ward's method needs the distances of all pairs
NORMAL_LABEL = 0


def fit_strength(
    scores: NDArray[np.float64],
    normal_scores: NDArray[np.float64] | None = None,
    limit: float | None = None,
) -> Strength:
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
    return Strength(middle, float(max(STRENGTH_WIDTH * (third - first) / NORMAL_IQR, 1e-9)))


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


def fit_embedding(described: Described, scores: NDArray[np.float64], strength: Strength) -> Embedding:
    """Fit to a category.

    Args:
        described: of N items.
        scores: (N,) anomaly scores.
        strength: of such scores.
    """
    scaled = described.differences / described.scale
    low = scores <= np.quantile(scores, LOW_SHARE)
    _, _, axes = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    is_normal = strength.of(scores) <= NO_STRENGTH
    traits = DescriptorScaling.fit(described.traits, is_normal, described.traits_length)
    return Embedding(described.scale, scaled[low].mean(axis=0), axes[:MAX_AXES], traits, strength)


def find_centres(points: Vectors, count: int, seed: int) -> Vectors:
    """Centres of at most `count` clusters; (N, E) -> (K, E), with no row where there is no point.

    Each of `DRAWS` draws gives Ward's clusters, and by the nearest of their middles a class to every point. Of these
    groupings of all points the one is taken whose mean adjusted Rand index with the others is the highest.
    """
    count = min(count, len(np.unique(points, axis=0)))
    if not count:
        return np.zeros((0, points.shape[1]))
    rng = np.random.default_rng(seed)
    size = max(count, min(math.ceil(SHARE * len(points)), MOST))
    draws = [_grouped(points, rng.permutation(len(points))[:size], count) for _ in range(DRAWS)]
    whole = [labels for labels in draws if len(np.unique(labels)) == count]
    if not whole:  # where nearly all points are the same, draws lack some of the others
        different = np.unique(points, axis=0)[:MOST]
        return centres(different, ward(different, count), count)
    agreement = np.eye(len(whole))
    for i, j in combinations(range(len(whole)), 2):
        agreement[i, j] = agreement[j, i] = adjusted_rand_score(whole[i], whole[j])
    best = whole[int(np.argmax(agreement.mean(axis=1)))]
    first = np.unique(best, return_index=True)[1]  # in their order, so that classes of one size keep their names
    return centres(points, best, count)[np.argsort(first)]


def ward(points: Vectors, count: int) -> NDArray[np.int64]:
    """Ward's clusters, (N, D) -> (N,) from 0; fewer than `count` where there are fewer different points."""
    count = min(count, len(np.unique(points, axis=0)))
    if count <= 1:
        return np.zeros(len(points), np.int64)
    return np.asarray(AgglomerativeClustering(count, linkage="ward").fit_predict(points), np.int64)


def _grouped(points: Vectors, drawn: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The nearest of the middles of a draw's Ward clusters, for each of N points; (N, E) -> (N,)."""
    labels = ward(points[drawn], count)
    found: NDArray[np.int64] = distances(points, centres(points[drawn], labels, int(labels.max()) + 1)).argmin(axis=1)
    return found


def centres(points: Vectors, labels: NDArray[np.int64], count: int) -> Vectors:
    """Mean of each cluster, (K, D); the origin for one without points."""
    found = np.zeros((count, points.shape[1]))
    for label in np.unique(labels):
        found[label] = points[labels == label].mean(axis=0)
    return found


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
