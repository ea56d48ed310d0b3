"""Where an anomaly lies among the classes that were found without training, and which of them it is of."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool_runtime.classes.spots import SpotAxes, Spots
from adtool_runtime.classes.traits import DescriptorScaling
from adtool_runtime.classes.vectors import Vectors, distances, margin, softmax, unit

NO_STRENGTH = 0.5  # up to it, an image is normal
TRAITS_WEIGHT = 0.7  # length of the traits, where that of the features is 1
LOGIT_TEMPERATURE = 0.1
# The distance of a clear anomaly counts more, since of a faint one the network sees little, and so it lies near
# nothing: times these powers of (image score / limit) and of the length of the whole picture's vector. Chosen on kinds
# that were left out, as is the length of the whole picture's direction where that of its spot is 1.
BY_SCORE, BY_LENGTH = 0.2, 0.125
WHOLE_BESIDE_SPOT = 0.7


@dataclass(frozen=True)
class Described:
    """Vectors of many items.

    Attributes:
        differences: (N, D) mean of an item's tokens weighted by its guide, less their plain mean, so that what the
            whole image looks like drops out; layers side by side.
        scale: (D,) standard deviation of single tokens over all items, times the root of the layer's channels, so
            that each layer has the same weight.
        traits: (N, T), see `traits.of_anomaly`.
        spots: of some of the items, seen close up; None where nobody looked.
        traits_length: mean length of an anomaly's traits, before their weight.
    """

    differences: Vectors
    scale: NDArray[np.float64]
    traits: Vectors
    spots: Spots | None = None
    traits_length: float = 1.0


@dataclass(frozen=True)
class Strength:
    """How anomalous a score is: a sigmoid."""

    middle: float  # score at which it is one half
    width: float

    def of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of each score, from 0 to 1."""
        return 1 / (1 + np.exp(np.clip(-(scores - self.middle) / self.width, -50, 50)))

    def clearness(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how much an anomaly's distance counts that says that it is new, as far as its score says; (N,) from 1 on.

        Scores of others' detectors may be negative: then all count the same.
        """
        if self.middle <= 0:
            return np.ones(len(scores))
        found: NDArray[np.float64] = np.maximum(scores / self.middle, 1) ** BY_SCORE
        return found


@dataclass(frozen=True)
class Embedding:
    """How anomalies become points; fitted once, then used for new images as well."""

    scale: NDArray[np.float64]  # (D,) of one token, see `Described`
    origin: NDArray[np.float64]  # (D,) scaled vector of a normal image
    axes: NDArray[np.float64]  # (E, D) main axes of the scaled vectors
    traits: DescriptorScaling
    strength: Strength
    spots: SpotAxes | None = None  # None for classes that were found without

    def directions(self, described: Described) -> Vectors:
        """Points of N items, about one away from the origin: (N, E + S + T)."""
        features = unit(self._vectors(described) @ self.axes.T)
        parts = [features, TRAITS_WEIGHT * self.traits.of(described.traits)]
        length = math.hypot(1, TRAITS_WEIGHT)
        if self.spots is not None and described.spots is not None:
            parts.insert(1, self.spots.directions(described.spots, len(features)))
            length = math.hypot(1, 1, TRAITS_WEIGHT)
        return np.concatenate(parts, axis=1) / length

    def whole(self, described: Described, scores: NDArray[np.float64]) -> Vectors:
        """Directions of the features times strength, (N, D).

        In all dimensions: what is new does not lie on the main axes of what was there.
        """
        found: Vectors = self.unreduced(described) * self.strength.of(scores)[:, None]
        return found

    def unreduced(self, described: Described) -> Vectors:
        """Directions of the features in all dimensions, (N, D)."""
        return unit(self._vectors(described))

    def clearness(self, described: Described, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how much the distance of each anomaly counts that says that it is new, (N,)."""
        lengths = np.linalg.norm(self._vectors(described), axis=1)
        found: NDArray[np.float64] = self.strength.clearness(scores) * lengths**BY_LENGTH
        return found

    def close(self, described: Described) -> Vectors | None:
        """The same beside that of the spots, (N, D + S): by it new kinds are told; None where no spots were seen."""
        if self.spots is None or described.spots is None:
            return None
        whole = WHOLE_BESIDE_SPOT * self.unreduced(described)
        return np.concatenate([whole, self.spots.unreduced(described.spots, len(whole))], axis=1)

    def _vectors(self, described: Described) -> Vectors:
        return described.differences / self.scale - self.origin


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
    probabilities = class_probabilities(logits)
    labels = probabilities.argmax(axis=1)
    sure = 1 - strength / NO_STRENGTH
    if len(centres):
        sure = np.where(normal, sure, margin(apart, np.maximum(labels - 1, 0)))
    return Clustering(labels, np.clip(sure, 0, 1), probabilities)


def class_probabilities(
    logits: NDArray[np.floating], n_base: int = 0, temperature: float = LOGIT_TEMPERATURE
) -> Vectors:
    """Probabilities of the discovered classes; (..., base + K) -> the same shape.

    Args:
        logits: cosine logits.
        n_base: the first columns belong to labelled base classes: they get 0, the others sum to 1.
        temperature: divides the logits.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    scaled[..., :n_base] = -np.inf  # the same as removing the columns from the softmax and setting them to 0
    return softmax(scaled)
