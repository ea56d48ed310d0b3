"""Images of the same surface, photographed again in other light or from a little beside.

Parts in the same pose are alike as a whole, since their outlines are. The same surface is alike in its fine detail,
too, and nearly everywhere: each block of one image is looked for near its place in the other. That counts only as far
as images of different parts do not match as well (smooth or printed parts all do), and only where a few images match
well and the next ones hardly do. Poses that pass into each other have no such gap.
"""

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from adtool_runtime import parallel

Detail = NDArray[np.float16]

SIDE, COARSER = 128, 3.0  # pixels that detail is compared at; sigma of what is no detail
BLOCK, EVERY, AROUND = 16, 28, 5  # side of a block, distance between blocks, how far from its place one is looked for
MATCHED = 0.25  # quantile of the blocks that a match is judged by: three quarters of them match so well or better
ALIKE, MOST_CANDIDATES = 0.5, 10  # correlation of images that are compared in detail; for each, its nearest ones
PLAIN = 1e-3  # standard deviation of a block that shows nothing
UNLIKE, UNLIKE_QUANTILE = 300, 0.95  # pairs of images that are less alike, and how well nearly all of those match
TIGHT, APART = 0.6, 0.4  # mean match within a group, at least; of a group with the next one, at most


def detail(grey: MatLike) -> Detail:
    """The fine detail of a grey picture, (SIDE, SIDE)."""
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return (small - cv2.GaussianBlur(small, (0, 0), COARSER)).astype(np.float16)


def match(one: Detail, other: Detail) -> float:
    """How well the blocks of one are found near their places in the other: a correlation."""
    blocks, wide = (
        one.astype(np.float32),
        cv2.copyMakeBorder(other.astype(np.float32), AROUND, AROUND, AROUND, AROUND, cv2.BORDER_REFLECT),
    )
    found = []
    for y, x in product(range(0, SIDE - BLOCK + 1, EVERY), repeat=2):
        block = blocks[y : y + BLOCK, x : x + BLOCK]
        near = wide[y : y + BLOCK + 2 * AROUND, x : x + BLOCK + 2 * AROUND]
        plain = float(block.std()) < PLAIN  # which is found everywhere, and says nothing
        found.append(0.0 if plain else cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED).max())
    return float(np.quantile(found, MATCHED))


def groups(details: Sequence[Detail], correlation: NDArray[np.float64]) -> list[int]:
    """A number for each image, which images of the same surface share.

    Args:
        details: of the images.
        correlation: (N, N) of the images as a whole; -1 where they can't be the same.
    """
    compared, unlike = _candidates(correlation), _unlike(correlation)
    if not compared or not unlike:
        return list(range(len(details)))
    found = list(parallel.each(lambda pair: match(details[pair[0]], details[pair[1]]), compared + unlike))
    usual = found[len(compared) :]
    matches = np.full(correlation.shape, np.median(usual))
    for (i, j), value in zip(compared, found, strict=False):
        matches[i, j] = matches[j, i] = value
    tight = max(TIGHT, (1 + float(np.quantile(usual, UNLIKE_QUANTILE))) / 2)
    return _standing_apart(1 - matches, 1 - tight, 1 - APART)


def _candidates(correlation: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of images that are compared in detail."""
    others = correlation.copy()
    np.fill_diagonal(others, -1)
    nearest = np.argsort(-others, axis=1, kind="stable")[:, :MOST_CANDIDATES]
    return sorted(
        {(min(i, j), max(i, j)) for i, row in enumerate(nearest.tolist()) for j in row if others[i, j] >= ALIKE}
    )


def _unlike(correlation: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Some pairs of images that are not alike, though they could be."""
    drawn = np.random.default_rng(0).integers(len(correlation), size=(20 * UNLIKE, 2))
    values = correlation[drawn[:, 0], drawn[:, 1]]
    found = np.sort(drawn[(values > -1) & (values < ALIKE)], axis=1).tolist()
    return list(dict.fromkeys((i, j) for i, j in found))[:UNLIKE]


def _standing_apart(distance: NDArray[np.float64], within: float, beyond: float) -> list[int]:
    """Groups whose mean distance is small, while that to the next group is large; a number for each image."""
    np.fill_diagonal(distance, 0)
    count, numbers = len(distance), list(range(len(distance)))
    members = [[one] for one in range(count)]
    merged = linkage(squareform(distance, checks=False), "average")
    next_at = {int(one): height for first, second, height, _ in merged for one in (first, second)}
    for node, (first, second, height, _) in enumerate(merged, start=count):
        members.append(members[int(first)] + members[int(second)])
        if height <= within and next_at.get(node, 0.0) >= beyond:
            for one in members[node]:
                numbers[one] = node
    return numbers
