"""Spots of anomalies (`adtool_runtime.classes.spots`), as a network sees them.

Only anomalies are seen close up, and a few of the least anomalous images, from which they are told.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, progress
from adtool.core.arrays import Floats
from adtool.discover.free.features import Item, NotFiniteItemsError, pool
from adtool.nn import families
from adtool.nn.backbone import Backbone
from adtool.nn.families import Family
from adtool_runtime import images, parallel
from adtool_runtime.classes.spots import SIDE, SpotAxes, Spots, turns

STRIDES = (8, 16, 32)  # of a convolutional network; 8 and 16 alone are worse
MAX_AXES = 24  # main axes that are kept
NORMALS = 60  # of the least anomalous images, as many as are seen at most
LOW_SHARE = 0.3  # share of the images that those are from
AHEAD = 8  # images that are cut while the network looks


def layers(backbone: str) -> tuple[int, ...]:
    """The layers that spots are seen in by a network of that name."""
    family = families.family(backbone)
    return STRIDES if family is Family.CONV else families.USUAL[family].layers


def asked_for(scores: NDArray[np.float64], is_odd: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which of N items are seen close up, (M,): the anomalies, and some of the least anomalous, spread evenly.

    Args:
        scores: (N,) anomaly scores.
        is_odd: (N,).
    """
    low = np.argsort(scores, kind="stable")[: math.ceil(len(scores) * LOW_SHARE)]
    low = low[~is_odd[low]]
    return np.concatenate([np.flatnonzero(is_odd), low[:: max(1, math.ceil(len(low) / NORMALS))]])


def see(items: Sequence[Item], places: NDArray[np.int64], backbone: Backbone, cache: Path) -> Spots:
    """See the spots of some items; what was seen before a kill is read from `cache`.

    Args:
        items: N items, whose guide is their map.
        places: which of them, (M,).
        backbone: the network; all of its layers are used.
        cache: folder of one small file per item.

    Raises:
        NotFiniteItemsError: the network can't see some.
    """
    wanted = [items[place] for place in places]
    todo = [item for item in wanted if not _cached(cache, item).exists()]
    broken: list[Item] = []
    with progress.bar("spots", len(todo)) as bar:
        for (item, guides), tokens in backbone.stream(_batches(todo, backbone)):
            vector = np.concatenate([pool(layer.float(), guides).mean(dim=0).cpu().numpy() for layer in tokens])
            if np.isfinite(vector).all():
                arrays.write_several(_cached(cache, item), [vector])
            else:
                broken.append(item)
            bar.advance(1)
    if broken:
        raise NotFiniteItemsError(broken, backbone)
    vectors = np.zeros((len(wanted), sum(layer.channels for layer in backbone.layers)))
    for row, item in zip(vectors, wanted, strict=True):
        row[:] = arrays.read_several(_cached(cache, item), 1)[0]
    return Spots(vectors, places)


def _batches(items: Sequence[Item], backbone: Backbone) -> Iterator[tuple[tuple[Item, list[Floats]], Floats]]:
    """Each item's turns as one batch, (TURNS, 3, side, side), with their guides."""
    side = images.rounded(SIDE, backbone.multiple)

    def load(item: Item) -> tuple[list[Floats], Floats]:
        pictures, guides = turns(*item.load(), side)
        return guides, np.stack([images.normalised(one, backbone.mean, backbone.std) for one in pictures])

    for item, (guides, seen) in parallel.prefetch(items, load, ahead=AHEAD):
        yield (item, guides), seen


def fit(spots: Spots, is_odd: NDArray[np.bool_], channels: Sequence[int]) -> SpotAxes:
    """Fit to a category.

    Args:
        spots: of some of N items.
        is_odd: (N,) whether each is anomalous.
        channels: of each layer.
    """
    odd, normal = (spots.vectors[is_odd[spots.places] == kind] for kind in (True, False))
    variance = odd.var(axis=0) if len(odd) else np.zeros(spots.vectors.shape[1])
    lengths = [math.sqrt(max(one.sum(), 1e-12)) for one in np.split(variance, np.cumsum(channels)[:-1])]
    scale = np.repeat(lengths, channels)
    seen = normal if len(normal) else odd
    origin = seen.mean(axis=0) / scale if len(seen) else np.zeros(len(scale))
    centred = (odd - odd.mean(axis=0)) / scale if len(odd) else odd
    return SpotAxes(scale, origin, np.linalg.svd(centred, full_matrices=False)[2][:MAX_AXES])


def _cached(cache: Path, item: Item) -> Path:
    return cache / f"{item.key}.npy"
