"""How many kinds of anomaly there are: by how likely images are that were left out.

A number of clusters is a number of Gaussians, and too many of them fit what they have seen, not what they have not.
Measures of separation (silhouettes, the gap statistic, the stability of clusters) were tried on painted defects
and are biased to one end of the range there; this one is not, though it is often one too few or too many.

The more images there are, the more Gaussians a kind that is not round is worth, yet few images can't show many kinds.
So each draw is seen with four fifths of all images and, several times, with `FEW` of them, and the number lies between
what both say, nearer to that of the few.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

COUNTS = range(2, 10)  # kinds, the normal class not counted
DRAWS = 20
LEFT_OUT = 0.2  # share of a draw
MIN_SIZE = 4  # images a kind, on average: with fewer, a kind is no finding
AXES = 3  # main axes: with more, a dozen images a kind say nothing about its spread
FEW, EACH = 30, 8  # images of the smaller draws, and how many of those a draw has: one alone is chance
# The fewest kinds are taken with this share of what the best number gains over two. It was chosen on 108 subsets of the
# kinds of eight sets, as FEW and EACH were (examples/results/README.md, "The number of classes").
GAIN = 0.5
AGREED = 0.8  # of the draws
FLOOR = 1e-3  # variance of a Gaussian, so that one image is none

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number of kinds.

    Attributes:
        count: of kinds.
        runner_up: what most of the other draws would have chosen; the same if there was nothing to choose.
        votes: share of the draws that alone would have chosen `count`.
        stability: mean adjusted Rand index between the clusters of all images and those of four fifths of them; 1 is
            the same clusters each time, 0 chance.
        likelihood: log likelihood of an image left out of the larger draws, for each number that was tried.
        shares: of the draws that alone would have chosen each number that was tried.
        low: least number in the shortest range around `count` that four of five draws agree on.
        high: most.
    """

    count: int
    runner_up: int
    votes: float
    stability: float
    likelihood: dict[int, float]
    shares: dict[int, float]
    low: int = 1
    high: int = 1


def estimate(points: Points, rng: np.random.Generator) -> Estimate:
    """Estimate the number of kinds among anomalies.

    Args:
        points: (N, E) of the anomalous items alone.
        rng: draws what is left out.
    """
    axes = _on_main_axes(points)
    held = max(int(len(axes) * LEFT_OUT), 1)
    tried = [count for count in COUNTS if count * MIN_SIZE <= len(axes) - held]
    if not tried:
        return Estimate(1, 1, 1.0, 1.0, {}, {1: 1.0})
    few = sum(count * MIN_SIZE <= FEW for count in tried)  # so many of them
    found, small = np.zeros((DRAWS, len(tried))), np.zeros((DRAWS, EACH, few))
    clusters: list[tuple[NDArray[np.int64], list[NDArray[np.int64]]]] = []
    for row, beside in zip(found, small, strict=True):
        order = rng.permutation(len(axes))
        out, kept = order[:held], order[held:]
        seed = int(rng.integers(2**31))
        models = [_mixture(axes[kept], count, seed) for count in tried]
        row[:] = [model.score(axes[out]) for model, _ in models]
        clusters.append((kept, [labels for _, labels in models]))
        for row_of_few in beside:
            # All others are left out here: the more images that is, the less it depends on the draw.
            some, others = np.split(rng.permutation(len(axes)), [min(FEW, len(kept))])
            models = [_mixture(axes[some], count, seed) for count in tried[:few]]
            row_of_few[:] = [model.score(axes[others]) for model, _ in models]
    mean = found.mean(axis=0)
    best = _between(mean, small.mean(axis=(0, 1)))
    votes = np.bincount(list(map(_between, found, small.mean(axis=1))), minlength=len(tried)) / DRAWS
    second = sorted((i for i in range(len(tried)) if i != best), key=lambda i: (-votes[i], -mean[i]))
    whole = _mixture(axes, tried[best], 0)[1]
    stability = np.mean([adjusted_rand_score(whole[kept], labels[best]) for kept, labels in clusters])
    return Estimate(
        tried[best],
        tried[second[0]] if second else tried[best],
        float(votes[best]),
        float(stability),
        dict(zip(tried, mean.tolist(), strict=True)),
        dict(zip(tried, votes.tolist(), strict=True)),
        *_range(tried, votes, best),
    )


def _range(tried: list[int], votes: NDArray[np.float64], best: int) -> tuple[int, int]:
    """The shortest range around the number of a place that holds `AGREED` of the votes; of two the more likely."""
    ranges = [(low, high) for low in range(best + 1) for high in range(best, len(tried))]
    enough = [one for one in ranges if votes[one[0] : one[1] + 1].sum() >= AGREED - 1e-9]
    low, high = min(enough, key=lambda one: (one[1] - one[0], -votes[one[0] : one[1] + 1].sum()))
    return tried[low], tried[high]


def _between(likelihood: NDArray[np.float64], small: NDArray[np.float64]) -> int:
    """Between where two likelihoods would have it, of all images and of few: next to a third of the way from few.

    Of few images the best number is taken as it is: it does not grow.
    """
    return round((_fewest(likelihood) + 2 * int(small.argmax())) / 3)


def _fewest(likelihood: NDArray[np.float64]) -> int:
    """Where the fewest kinds stand that are nearly as good as the best number."""
    gain = likelihood - likelihood[0]
    return int(np.flatnonzero(gain >= GAIN * gain.max())[0])


def _on_main_axes(points: Points) -> Points:
    centred = points - points.mean(axis=0) if len(points) else points
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    projected: Points = centred @ axes[:AXES].T
    return projected


def _mixture(points: Points, count: int, seed: int) -> tuple[GaussianMixture, NDArray[np.int64]]:
    """Round Gaussians from the clusters of k-means, and those clusters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a draw that is not done after so many rounds is as good
        means = KMeans(count, n_init=3, random_state=seed).fit(points)
        labels = means.labels_.astype(np.int64)
        apart = np.square(points - means.cluster_centers_[labels]).mean(axis=1)
        sizes = np.bincount(labels, minlength=count) + FLOOR  # equal points leave clusters empty
        model = GaussianMixture(
            count,
            covariance_type="spherical",
            reg_covar=FLOOR,
            weights_init=sizes / sizes.sum(),
            means_init=means.cluster_centers_,
            precisions_init=1 / (np.bincount(labels, apart, minlength=count) / sizes + FLOOR),
            random_state=seed,
        )
        return model.fit(points), labels
