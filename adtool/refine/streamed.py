"""Features that are seen anew each time they are asked for, where keeping those of all images would fill the disk."""

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adtool.core.arrays import UnreadableImageError
from adtool.refine import feature_store
from adtool.refine.feature_store import FULL, Extractor, FeatureStore, ImageFeatures, ShownImage
from adtool_runtime import parallel

GB = 1e9
MOST_KEPT = 50 * GB  # of features, unless it is asked for
SHARE = 0.5  # of what is free on the disk
TOLD = 1 * GB  # what takes less is not spoken of

log = logging.getLogger("adtool")
Rows = Sequence[int] | NDArray[np.intp]


class StreamedFeatures:
    """As `FeatureStore`, without a disk: the same numbers, in the time that the images take each time.

    Args:
        eyes: what sees picture number i.
        show: gives picture number i, the same for the same number.
        first: what was seen of picture number 0.
    """

    def __init__(self, eyes: Sequence[Extractor], show: Callable[[int], ShownImage], first: ImageFeatures) -> None:
        self._eyes, self._show = eyes, show
        self.channels = tuple(layer.shape[0] for layer in first.layers)
        self._rows: list[int] = []
        self._seen: list[tuple[ImageFeatures, NDArray[np.uint8]]] = []

    def features(self, rows: Rows, device: torch.device) -> list[Tensor]:
        """Features of some images, one (B, C, h, w) float32 tensor a layer."""
        return _stacked([one.layers for one, _ in self._of(rows)], device)

    def rebuilt(self, rows: Rows, device: torch.device) -> list[Tensor]:
        """Their reconstructions, each image's only template: one (B, 1, C, h, w) float32 tensor a layer."""
        return [layer.unsqueeze(1) for layer in _stacked([one.templates for one, _ in self._of(rows)], device)]

    def mask(self, rows: Rows, device: torch.device) -> Tensor:
        """(B, 1, S, S) in [0, 1]."""
        masks = np.stack([mask for _, mask in self._of(rows)])
        return torch.from_numpy(masks).to(device).float().unsqueeze(1) / FULL

    def _of(self, rows: Rows) -> list[tuple[ImageFeatures, NDArray[np.uint8]]]:
        """What is seen of some images; of the latest it is kept, since it is asked for several times in turn."""
        wanted = [int(row) for row in rows]
        if wanted != self._rows:
            shown = dict(parallel.prefetch(list(dict.fromkeys(wanted)), self._show, ahead=len(wanted)))
            found = self._see(shown)
            self._rows, self._seen = wanted, [found[row] for row in wanted]
        return self._seen

    def _see(self, shown: dict[int, ShownImage]) -> dict[int, tuple[ImageFeatures, NDArray[np.uint8]]]:
        by_eye: dict[int, list[int]] = {}
        for row in shown:
            by_eye.setdefault(id(self._eyes[row]), []).append(row)
        found = {}
        for rows in by_eye.values():
            eye = self._eyes[rows[0]]
            seen = list(eye.see([shown[row].image for row in rows]))
            if len(seen) != len(rows):
                raise UnreadableImageError(f"{shown[rows[0]].sample.image} or another can't be read any more.")
            for row, one in zip(rows, seen, strict=True):
                mask = shown[row].mask
                found[row] = one, np.zeros((eye.side, eye.side), np.uint8) if mask is None else mask
        return found


def _stacked(layers: Sequence[Sequence[Tensor]], device: torch.device) -> list[Tensor]:
    return [torch.stack([one.half() for one in layer]).to(device).float() for layer in zip(*layers, strict=True)]


def look(
    eyes: Sequence[Extractor], show: Callable[[int], ShownImage], folder: Path, label: str, stored: str
) -> FeatureStore | StreamedFeatures:
    """See pictures and keep what was seen, as `feature_store.look`; or see them each time, where that is too much.

    Args:
        eyes: what sees picture number i; all with the same input and the same layers.
        show: gives picture number i.
        folder: where the arrays go.
        label: of the progress bar, and of what is said.
        stored: `auto`, `true` or `false`: whether they are kept.

    Raises:
        UnreadableImageError: a picture can't be read.
    """
    if stored == "true" or (stored == "auto" and feature_store.is_begun(folder)):
        return feature_store.look(eyes, show, folder, label)
    first = next(iter(eyes[0].see([show(0).image])), None)
    if first is None:
        raise UnreadableImageError(f"{show(0).sample.image} can't be read.")
    size = len(eyes) * (sum(2 * one.numel() for one in (*first.layers, *first.templates)) + eyes[0].side ** 2)
    free = _free(folder)
    if stored == "false" or size > min(MOST_KEPT, SHARE * free):
        log.info(
            "The features of %d %s would take %.1f GB (%.0f GB are free): the images are seen again whenever they are "
            "needed, which takes longer. --set stored=true keeps them.",
            len(eyes), label, size / GB, free / GB,
        )  # fmt: skip
        return StreamedFeatures(eyes, show, first)
    if size > TOLD:
        log.info("The features of %d %s take %.1f GB in %s meanwhile.", len(eyes), label, size / GB, folder)
    return feature_store.look(eyes, show, folder, label)


def _free(folder: Path) -> int:
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return shutil.disk_usage(there).free
