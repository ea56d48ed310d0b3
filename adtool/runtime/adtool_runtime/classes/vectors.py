"""Directions, distances, and how much nearer one of them is than the next."""

import math

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; one of length 0 stays."""
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
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


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis."""
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
