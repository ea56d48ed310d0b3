"""What a person should look at: unknown images that look alike, and accepted parts whose scores have drifted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage

MOST_GROUPED = 5000  # linkage takes N^2 / 2 distances
FEWEST = 20  # images on both sides, below which nothing is said of a drift
LEVEL = 0.001  # false alarms, where nothing has drifted
FAR = 0.8  # mean rank of ten anomalies or more from which on they are perhaps new: alike ones have .5
OF_TEN, FEWEST_ODD = 10, 5  # of fewer the mean varies more; of fewer than five nothing is said
CLEAR = 0.65  # chance that one of the two is the higher, below which a drift does not matter


@dataclass(frozen=True)
class Drift:
    """Accepted parts against held-out normal images.

    Attributes:
        accepted: median of their image scores.
        normal: median of those of the normal images.
        higher: chance that an accepted part has a higher score than a normal image.
        p: of the two-sample test.
    """

    accepted: float
    normal: float
    higher: float
    p: float


def groups(points: NDArray[np.float64], reach: float, least: int) -> list[NDArray[np.int64]]:
    """Unknown images that look alike, the largest group first.

    Args:
        points: (N, E) where they lie.
        reach: mean distance up to which groups are joined (average linkage).
        least: smallest group that is told of.
    """
    points = points[:MOST_GROUPED]
    if len(points) < least:
        return []
    labels = fcluster(linkage(points, "average"), reach, criterion="distance")
    found = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return sorted((one for one in found if len(one) >= least), key=lambda one: (-len(one), int(one[0])))


def drift(accepted: Sequence[float], normal: Sequence[float], limit: float | None) -> Drift | None:
    """Whether the scores of accepted parts have drifted from those of held-out normal images; None if not.

    The rule: a Kolmogorov-Smirnov test of both samples at the level 0.001, so that one batch in a thousand raises a
    false alarm if nothing has changed, and a chance of at least 0.65 that one side scores higher, so that thousands of
    images don't raise one for a difference that does not matter. Both need 20 images. Normal images above the
    limit are left out, as no accepted part can be there.

    Args:
        accepted: image scores of parts that are OK and of no class but the normal one.
        normal: image scores of held-out normal images.
        limit: above which a part is not OK.
    """
    below = np.array([one for one in normal if limit is None or one <= limit])
    now = np.array(accepted)
    if min(len(below), len(now)) < FEWEST:
        return None
    p = float(stats.ks_2samp(now, below).pvalue)
    higher = float(stats.mannwhitneyu(now, below).statistic) / (len(now) * len(below))
    if p >= LEVEL or max(higher, 1 - higher) < CLEAR:
        return None
    return Drift(float(np.median(now)), float(np.median(below)), higher, p)


def is_new(ranks: NDArray[np.float64]) -> bool:
    """Whether the anomalies of a batch lie farther from all that were known than those lie from each other.

    Ten images of a kind that was left out are told so in eight of ten cases, ten of a known kind in one of a hundred
    (MTD, screw and generated data: examples/results/README.md).

    Args:
        ranks: of the anomalous images, each different one once, see `predict.Predicted`.
    """
    if len(ranks) < FEWEST_ODD:
        return False
    needed = 0.5 + (FAR - 0.5) * max(1.0, (OF_TEN / len(ranks)) ** 0.5)
    return float(ranks.mean()) >= needed
