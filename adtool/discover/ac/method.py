"""The step's method `ac`: Anomaly Clustering (Sohn et al., WACV 2023), Ward's clusters of weighted means of patches.

As in the paper, each image is one vector, and nothing but its pixels decides its class; its map's score only tells
which class is called normal. Otherwise than there, an image is compared with a sample of the others, not with all, and
the temperature is in standard deviations of how strange patches are, so that one value suits any network.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError
from adtool.core.words import counted
from adtool.discover import assign, novelty
from adtool.discover.ac import patches
from adtool.discover.ac.patches import References, Sight
from adtool.discover.assign import Assigned, DiscoveredClasses, LocatedItems
from adtool.discover.config import AC, AcSettings
from adtool.discover.free import cluster, count
from adtool_runtime.classes import vectors

NORMALS, UNSUPERVISED, FINE = "normals", "unsupervised", "fine"
FEWEST = 2  # images that others are compared with

Vectors = NDArray[np.float64]
log = logging.getLogger("adtool")


@dataclasses.dataclass(frozen=True)
class ScoredImages:
    """What is to be grouped.

    Attributes:
        samples: N images.
        scores: (N,) by their maps; the class where they are lowest is called normal.
        is_odd: (N,) whether the score says that there is an anomaly: the number of their kinds is estimated.
    """

    samples: Sequence[Sample]
    scores: NDArray[np.float64]
    is_odd: NDArray[np.bool_]


def discover(
    images: ScoredImages, category: Category, classes: int | None, settings: AcSettings, sight: Sight, cache: Path
) -> DiscoveredClasses:
    """Group the images of a category.

    Args:
        images: to be grouped.
        category: theirs, with its normal images.
        classes: how many, the normal one included; None estimates it.
        settings: of the method.
        sight: how images are seen.
        cache: folder of one small file an image.

    Raises:
        BadDataError: fewer than two images to compare with.
    """
    to = _references(images.samples, category, settings, sight)
    points = patches.embed(patches.of_images(images.samples), sight, to, settings.tau, cache)
    card: dict[str, object] = {
        "method": AC, "tau": settings.tau, "grid": settings.grid, "nearest": to.nearest, "spread": to.spread,
    }  # fmt: skip
    if classes is None:
        estimate = count.estimate(_directions(points, images.is_odd), np.random.default_rng(sight.seed))
        classes, card[assign.AUTO] = 1 + estimate.count, dataclasses.asdict(estimate)
    labels = cluster.ward(points, classes)
    names = cluster.name_clusters(labels, images.scores)
    apart = vectors.distances(points, cluster.centres(points, labels, len(names)))
    found = Assigned(labels, np.clip(vectors.margin(apart, labels), 0, 1))
    tensors = {
        "points": points.astype(np.float32),
        "labels": labels.astype(np.float32),
        "references": to.patches.half().cpu().numpy(),
        "scale": to.scale.cpu().numpy(),
    }
    return DiscoveredClasses(
        names, found, np.eye(len(names))[labels], novelty.from_others(apart, labels), tensors, card
    )


def locate(
    saved: Mapping[str, NDArray[Any]], samples: Sequence[Sample], sight: Sight, how: Mapping[str, Any], cache: Path
) -> LocatedItems:
    """New images among those that classes were found on: each gets the class of the one that is most like it.

    Ward's clusters are no nearest centres, so centres would not even give those images their own class again.

    Args:
        saved: the tensors of `DiscoveredClasses`.
        samples: N new images.
        sight: how images are seen.
        how: the card of `DiscoveredClasses`.
        cache: folder of one small file an image.
    """
    device = sight.net.device
    bank, scale = (torch.from_numpy(saved[name].astype(np.float32)).to(device) for name in ("references", "scale"))
    to = References(bank, scale, [], how["nearest"], how["spread"])
    points = patches.embed(patches.of_images(samples), sight, to, how["tau"], cache)
    known, labels = saved["points"].astype(np.float64), saved["labels"].astype(np.int64)
    count = int(labels.max()) + 1
    nearest = np.stack([vectors.distances(points, known[labels == one]).min(axis=1) for one in range(count)], axis=1)
    classes = nearest.argmin(axis=1)
    apart = vectors.distances(points, cluster.centres(known, labels, count))
    found = Assigned(classes, np.clip(vectors.margin(apart, classes), 0, 1))
    return LocatedItems(found, points, apart, np.eye(count)[classes])


def misfit(saved: Mapping[str, NDArray[Any]], classes: int) -> str:
    """What is wrong with stored labels, empty if nothing is."""
    there = set(saved["labels"].tolist())
    return "" if there == set(range(classes)) else f"its labels are not 0 to {classes - 1}"


def _references(samples: Sequence[Sample], category: Category, settings: AcSettings, sight: Sight) -> References:
    """Normal images where they count and there are any, else a sample of those that are to be grouped."""
    normals = settings.weights == NORMALS or (settings.weights != UNSUPERVISED and len(category.train) >= FEWEST)
    pool = list(category.train) if normals else list(samples)
    if len(pool) < FEWEST:
        raise BadDataError(
            f"{category.name} has {counted(len(pool), 'normal image' if normals else 'image')} to compare others with; "
            f"--method ac needs {FEWEST}."
            + (f" Give --set weights={UNSUPERVISED}, to compare them with each other." if normals else "")
        )
    rng = np.random.default_rng(sight.seed)
    chosen = sorted(rng.permutation(len(pool))[: settings.references].tolist())
    log.info(
        "%s: each image is compared with %d %s.", category.name, len(chosen), "normal ones" if normals else "others"
    )
    return patches.gather(patches.of_images([pool[number] for number in chosen]), sight, nearest=normals)


def _directions(points: Vectors, is_odd: NDArray[np.bool_]) -> Vectors:
    """How anomalous images differ from the others, scaled to length 1."""
    others = points[~is_odd] if (~is_odd).any() else points
    return vectors.unit(points[is_odd] - others.mean(axis=0))
