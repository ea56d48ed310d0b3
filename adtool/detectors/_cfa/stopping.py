"""When training stops: the epoch is kept that finds defects best, and some more without a better one are the last.

The authors and anomalib judge epochs by the test images. Here defects are painted on normal images that are not trained
on; to judge by the masks of the test images is an oracle, and said to be one.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from adtool.core.arrays import Bools, Floats
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import MissingInputError
from adtool.detection import as_new, holding_out
from adtool.detection.contract import Frame, SeenImage
from adtool.detectors._cfa.train import AdaptedDescriptor
from adtool.nn.feature_reader import Picture, Seeable

PAINTED, ORACLE = "painted", "oracle"
LEAST_PAINTED, MOST_PAINTED = 20, 50  # pictures that judge an epoch

Map = Callable[[SeenImage], Floats]

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class JudgingImage:
    """An image whose defects are known: what is seen of it, in half precision, and its mask at the size of its map."""

    seen: SeenImage
    mask: Bools


class EarlyStop:
    """Keeps the best epoch of a training.

    Args:
        learned: what is trained.
        images: that judge it.
        score: the map of one by what is learned so far.
        patience: epochs without a better one before training stops.
    """

    def __init__(self, learned: AdaptedDescriptor, images: Sequence[JudgingImage], score: Map, patience: int) -> None:
        self._learned, self._images, self._score, self._patience = learned, images, score, patience
        self.best, self.epoch, self._since = -math.inf, 0, 0
        self._kept: dict[str, torch.Tensor] = {}

    @property
    def is_over(self) -> bool:
        """Whether there were enough epochs without a better one."""
        return self._since >= self._patience

    def judge(self, epoch: int) -> float:
        """The pixel AUROC after an epoch; what is best is remembered."""
        value = pixel_auroc((self._score(one.seen), one.mask) for one in self._images)
        self._since += 1
        if value > self.best:
            self.best, self.epoch, self._since = value, epoch, 0
            self._kept = {name: x.detach().clone() for name, x in self._learned.named_parameters()}
        return value

    def restore(self) -> None:
        """Bring back the best epoch."""
        with torch.no_grad():
            for name, parameter in self._learned.named_parameters():
                if name in self._kept:
                    parameter.copy_(self._kept[name])
        if self._kept:
            log.info("Epoch %d is kept, with a pixel AUROC of %.4f.", self.epoch, self.best)

    def state_dict(self) -> dict[str, Any]:
        """What is remembered."""
        return {"best": self.best, "epoch": self.epoch, "since": self._since, "kept": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember it again."""
        self.best, self.epoch, self._since = (state_dict[name] for name in ("best", "epoch", "since"))
        self._kept = state_dict["kept"]


def pixel_auroc(pairs: Iterable[tuple[Floats, Bools]]) -> float:
    """The pixel AUROC of maps and masks of their sizes."""
    scores, masks = zip(*((scores.ravel(), mask.ravel()) for scores, mask in pairs), strict=True)
    return float(roc_auc_score(np.concatenate(masks), np.concatenate(scores)))


def held_out(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """(to paint on, trained on): normal images and their near duplicates, as many as make a limit."""
    out, learned, _ = holding_out.split(samples, seed, None)
    if not out:
        log.warning("stop=painted: there are too few normal images to paint on some, so no epoch is judged.")
    return out, learned


def painted(samples: Sequence[Sample], frame: Frame) -> list[JudgingImage]:
    """Normal images with one painted defect each, the same for a seed."""
    count = min(MOST_PAINTED, max(LEAST_PAINTED, len(samples)))
    masks: dict[str, Bools] = {}

    def pictures() -> Iterator[Picture]:
        for number, one in enumerate(as_new.paint(samples, frame, count)):
            sample = replace(one.picture.sample, id=f"{number:04d}")
            masks[sample.id] = one.mask
            yield replace(one.picture, sample=sample)

    return [_judging(seen, masks[seen.sample.id]) for seen in frame.see(pictures())] if samples else []


def of_test(category: Category | None, frame: Frame) -> list[JudgingImage]:
    """The test images whose defects are known.

    Raises:
        MissingInputError: there is no mask.
    """
    known: list[Seeable] = []
    if category is not None:
        known = [one for one in category.test if one.mask is not None or category.is_normal(one)]
    if category is None or all(one.mask is None for one in category.test):
        where = "this category" if category is None else category.path
        raise MissingInputError(f"stop=oracle judges epochs by the masks of test images, but {where} has none.")
    log.warning(
        "%s: stop=oracle chooses the epoch by the test images' masks; every figure of its maps is an oracle figure.",
        category.name,
    )
    found = []
    for seen in frame.see(known):
        mask, image = seen.sample.mask, seen.sample.image
        found.append(_judging(seen, np.zeros(seen.size, bool) if mask is None else category.masks.read(mask, image)))
    return found


def _judging(seen: SeenImage, mask: Bools) -> JudgingImage:
    layers = [layer.to("cpu", torch.float16) for layer in seen.layers]
    small = cv2.resize(mask.astype(np.uint8), seen.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return JudgingImage(replace(seen, layers=layers, glance=None), small.astype(bool))
