"""What is drawn in an epoch: half labelled and half unlabelled samples, two different views of each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Index = NDArray[np.int64]


@dataclass(frozen=True)
class SampledBatch:
    """A batch of B samples."""

    items: Index  # (B,)
    first: Index  # (B,) a view of each
    second: Index  # (B,) another one


def epoch(labels: Index, batch_size: int, views: int, rng: Rng) -> Iterator[SampledBatch]:
    """The batches of one epoch.

    Args:
        labels: (N,) base class of each sample, -1 for unlabelled ones.
        batch_size: samples a batch; a last one of a single sample is left out, it has nothing to be told from.
        views: number of views to draw from, at least 2.
        rng: draws.
    """
    order = balanced(labels, rng)
    for start in range(0, len(order), batch_size):
        items = order[start : start + batch_size]
        if len(items) > 1:
            first = rng.integers(views, size=len(items))
            yield SampledBatch(items, first, (first + rng.integers(1, views, size=len(items))) % views)


def balanced(labels: Index, rng: Rng) -> Index:
    """N draws with as many labelled as unlabelled samples expected; (N,) -> (N,).

    Source: AnomalyNCD's public code: with replacement, weight 1 for labelled samples and their number over that of the
    unlabelled for the others. With one of the kinds alone nothing is to be balanced, and each sample comes once.
    """
    labelled = labels >= 0
    count, total = int(labelled.sum()), len(labels)
    if count in (0, total):
        return rng.permutation(total)
    weights = np.where(labelled, 1.0, count / (total - count))
    return rng.choice(total, total, p=weights / weights.sum())
