"""Where classes are lost: `python examples/results/ceiling.py SEEDS MAPS...`, as `3 maps dinov2/maps`.

In the workspace whose finished maps these are. With the number of kinds given, what `discover` finds (a) as it is, (b)
with the true mask in place of the map, (c) with the true OK or NOK in place of the limit's, (d) with both: F1, NMI and
ARI of each, the mean over the seeds from 0. Where images have no masks, (b) and (d) are left out.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import described
import numpy as np
from described import Images
from numpy.typing import NDArray

from adtool.core.dataset.types import Sample
from adtool.discover.free.features import Item
from adtool.discover.pipeline import MASK_TEMPERATURE
from adtool.report.classes import LabelledClasses
from adtool.report.metrics import ari, f1, nmi
from adtool_runtime.classes.placing import Strength

AS_IT_IS, MASK, DECISION, BOTH = "as it is", "true mask", "true OK/NOK", "both"
FIGURES = (f1, nmi, ari)
SURE = 1e-6  # width of a strength that is 0 or 1


def with_masks(images: Images) -> Images:
    """The same images, whose guide is their true mask where they have one."""

    def item(one: Item, sample: Sample) -> Item:
        if sample.mask is None or images.category.is_normal(sample):
            return one

        def load() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            image, guide = one.load()
            mask = images.category.masks.read(sample.mask, sample.image)
            small = cv2.resize(mask.astype(np.float32), guide.shape[::-1], interpolation=cv2.INTER_AREA)
            return (image, small / np.float32(MASK_TEMPERATURE)) if small.any() else (image, guide)

        return replace(one, load=load)

    items = [item(*pair) for pair in zip(images.items, images.samples, strict=True)]
    return replace(images, items=items, sight=replace(images.sight, cache=images.sight.cache / "masks"))


def with_truth(images: Images) -> Images:
    """The same images, decided as they are: scores on the right side of a limit of 0, in the order that they had."""
    is_defect = np.isin(images.kinds, images.defects)
    ranks = (1 + images.scores.argsort().argsort()) / (1 + len(images.scores))
    return replace(images, scores=np.where(is_defect, ranks, ranks - 1), strength=Strength(0, SURE))


def figures(images: Images, seeds: int) -> NDArray[np.float64]:
    """Mean F1, NMI and ARI over the seeds."""
    part, found = images.part(np.arange(len(images.kinds))), []
    for seed in range(seeds):
        classes = part.classes(len(images.defects), seed)
        names = [classes.names[label] for label in classes.items.labels]
        labelled = LabelledClasses(images.kinds.tolist(), names, images.category.normal_kinds)
        found.append([figure.compute(labelled) for figure in FIGURES])
    return np.mean(found, axis=0)


def variants(images: Images) -> dict[str, Images]:
    """The ways to find classes."""
    found = {AS_IT_IS: images, DECISION: with_truth(images)}
    if any(one.mask for one in images.samples):
        found |= {MASK: with_masks(images), BOTH: with_truth(with_masks(images))}
    return found


def shown(values: Sequence[float]) -> str:
    """Figures in a line."""
    return " / ".join(f"{value:.3f}" for value in values)


def main(seeds: int, folders: list[Path]) -> None:
    """Print the figures of all categories, and the mean of each folder that holds several."""
    for maps in folders:
        found: dict[str, list[NDArray[np.float64]]] = {}
        for images in described.read([maps]):
            row = {how: figures(one, seeds) for how, one in variants(images).items()}
            print(images.name, *(f"{how}: {shown(values)}" for how, values in row.items()), sep="; ", flush=True)
            for how, values in row.items():
                found.setdefault(how, []).append(values)
        if all(len(values) > 1 for values in found.values()):
            means = (f"{how}: {shown(np.mean(values, axis=0))}" for how, values in found.items())
            print(f"{maps} mean", *means, sep="; ", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
