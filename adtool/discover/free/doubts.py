"""Where a number of classes is least sure: the two classes that would be one first, and the one that would be two.

They are what separates a clustering from those with one class fewer and one more, so a person who looks at both decides
on the number. Merging costs what Ward's method counts, the growth of the squared distances from the middles; splitting
gains what the same distances lose when k-means cuts one class in two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from adtool_runtime.classes.vectors import Vectors

STARTS = 20  # of k-means
FEWEST = 2  # images of a half: one alone is no kind
HALVES = "halves"  # tensor of the middles


@dataclass(frozen=True)
class Doubts:
    """What one class fewer, and one more, would change.

    Attributes:
        merge: the labels of the two classes that are nearest to being one; none if there are fewer than two.
        split: the label of the class that is nearest to being two; None if all are too small.
        half: (N,) of the members of that class 1 or 2, the larger half first; 0 of all others.
        halves: (2, E) middles of the halves; (0, E) without.
    """

    merge: tuple[int, ...]
    split: int | None
    half: NDArray[np.int64]
    halves: Vectors

    def named(self, names: Sequence[str]) -> dict[str, object]:
        """As it stands in the card."""
        return {
            "merge": [names[label] for label in self.merge],
            "split": "" if self.split is None else names[self.split],
        }

    def said(self, category: str, names: Sequence[str]) -> list[str]:
        """The same as a sentence; none where there is nothing to choose."""
        pair = sorted(names[label] for label in self.merge)
        said = [f"{' and '.join(pair)} may be one class"] if pair else []
        said += [f"{names[self.split]} may be two"] if self.split is not None else []
        return [f"{category}: {', '.join(said)}; the page of `adtool report --html` shows both."] if said else []

    def tensors(self) -> Mapping[str, Vectors]:
        """To be kept with the classes."""
        return {} if self.split is None else {HALVES: self.halves}


def find(points: Vectors, labels: NDArray[np.int64], labelled: Sequence[int], seed: int) -> Doubts:
    """Find them.

    Args:
        points: (N, E) where items lie.
        labels: (N,) their classes.
        labelled: the labels of the classes that may be merged or split; the normal one is none of them.
        seed: of where the halves start.
    """
    members = {label: points[labels == label] for label in labelled}
    merge = min(
        ((a, b) for a, b in combinations(members, 2) if len(members[a]) and len(members[b])),
        key=lambda pair: _cost(members[pair[0]], members[pair[1]]),
        default=(),
    )
    cut = {label: found for label, of in members.items() if (found := _halves(of, seed)) is not None}
    half = np.zeros(len(points), np.int64)
    if not cut:
        return Doubts(merge, None, half, np.zeros((0, points.shape[1])))
    split = max(cut, key=lambda label: cut[label][0])
    _, halves, of = cut[split]
    half[labels == split] = 1 + of
    return Doubts(merge, split, half, halves)


def _cost(first: Vectors, second: Vectors) -> float:
    """Growth of the squared distances from the middles if two classes become one."""
    apart = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    return float(len(first) * len(second) / (len(first) + len(second)) * apart)


def _halves(points: Vectors, seed: int) -> tuple[float, Vectors, NDArray[np.int64]] | None:
    """What cutting a class in two gains, the middles, and each item's half, 0 for the larger; None if one is small."""
    if len(np.unique(points, axis=0)) < 2 * FEWEST:
        return None
    found = KMeans(2, n_init=STARTS, random_state=seed).fit(points)
    sizes = np.bincount(found.labels_, minlength=2)
    if sizes.min() < FEWEST:
        return None
    order = np.argsort(-sizes, kind="stable")
    whole = ((points - points.mean(axis=0)) ** 2).sum()
    return float(whole - found.inertia_), found.cluster_centers_[order], np.argsort(order)[found.labels_]
