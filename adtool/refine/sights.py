"""What the backbone sees, kept: features of normal and of painted images, computed once and read many times."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import files
from adtool.core.arrays import Bools, Bytes
from adtool.core.progress import track
from adtool.nn import images
from adtool.nn.backbone import Backbone

FULL = 255  # of a mask pixel that is wholly defect
SAVED_EVERY = 16  # batches; what a kill loses

Picture = tuple[Bytes, Bools]
Batch = tuple[list[tuple[int, NDArray[np.uint8]]], NDArray[np.float32]]


@dataclass(frozen=True)
class Eye:
    """A backbone with the size of its input.

    Attributes:
        backbone: the network.
        image_size: side of its square input, in pixels.
        batch_size: images a batch.
    """

    backbone: Backbone
    image_size: int
    batch_size: int

    @property
    def side(self) -> int:
        """Side of the input as the network takes it."""
        return images.fit((1, 1), self.image_size, self.backbone.multiple)[0]

    def prepare(self, image: Bytes) -> NDArray[np.float32]:
        """(H, W, 3) -> (3, side, side)."""
        return images.prepare(image, self.side, self.side, self.backbone.mean, self.backbone.std)


@dataclass(frozen=True)
class Sights:
    """Features of M images, on disk.

    Attributes:
        layers: one (M, C, h, w) float16 array a layer.
        masks: (M, S, S) uint8, the share of each pixel that is defect, times 255; S is the input's side.
    """

    layers: list[NDArray[np.float16]]
    masks: NDArray[np.uint8]

    def features(self, rows: Sequence[int] | NDArray[np.intp], device: torch.device) -> list[Tensor]:
        """Features of some images, one (B, C, h, w) float32 tensor a layer."""
        return [torch.from_numpy(layer[rows]).to(device).float() for layer in self.layers]

    def mask(self, rows: Sequence[int] | NDArray[np.intp], device: torch.device) -> Tensor:
        """(B, 1, S, S) in [0, 1]."""
        return torch.from_numpy(self.masks[rows]).to(device).float().unsqueeze(1) / FULL


def look(eye: Eye, count: int, draw: Callable[[int], Picture], folder: Path, label: str) -> Sights:
    """See `count` pictures and keep what was seen; goes on where an earlier call stopped.

    Args:
        eye: what sees.
        count: number of pictures.
        draw: gives picture number i and its mask; called in threads, and must give the same for the same number.
        folder: where the arrays go; `forget` removes it.
        label: of the progress bar.
    """
    note = files.read_json(folder / "seen.json")
    done = int(note["done"]) if isinstance(note, dict) else 0
    layers, masks = _arrays(eye, count, folder, resume=done > 0)
    side = eye.side

    def load(index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        image, mask = draw(index)
        share = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        return eye.prepare(image), np.rint(share * FULL).astype(np.uint8)

    def batches() -> Iterator[Batch]:
        waiting: list[tuple[int, tuple[NDArray[np.float32], NDArray[np.uint8]]]] = []
        for index, loaded in images.prefetch(range(done, count), load, ahead=2 * eye.batch_size):
            waiting.append((index, loaded))
            if len(waiting) == eye.batch_size or index == count - 1:
                yield [(i, mask) for i, (_, mask) in waiting], np.stack([pixels for _, (pixels, _) in waiting])
                waiting = []

    seen = eye.backbone.stream(batches())
    total = -(-(count - done) // eye.batch_size)
    for number, (batch, found) in enumerate(track(seen, label, total), start=1):
        rows = slice(batch[0][0], batch[-1][0] + 1)
        masks[rows] = np.stack([mask for _, mask in batch])
        for layer, values in zip(layers, found, strict=True):
            layer[rows] = values.cpu().numpy()
        if number % SAVED_EVERY == 0 or rows.stop == count:
            for array in (*layers, masks):
                array.flush()
            files.write_json(folder / "seen.json", {"done": rows.stop})
    return Sights(list(layers), masks)


def _arrays(eye: Eye, count: int, folder: Path, *, resume: bool) -> tuple[list[np.memmap], np.memmap]:
    """The arrays on disk, opened again or made; sizes are measured, not computed."""
    side = eye.side
    shapes = [tuple(layer.shape[1:]) for layer in eye.backbone.features(np.zeros((1, 3, side, side), np.float32))]
    names = [folder / f"layer{number}.npy" for number in range(len(shapes))]
    if resume:
        return [open_memmap(name, mode="r+") for name in names], open_memmap(folder / "masks.npy", mode="r+")
    folder.mkdir(parents=True, exist_ok=True)
    layers = [
        open_memmap(name, mode="w+", dtype=np.float16, shape=(count, *shape))
        for name, shape in zip(names, shapes, strict=True)
    ]
    return layers, open_memmap(folder / "masks.npy", mode="w+", dtype=np.uint8, shape=(count, side, side))


def forget(folder: Path) -> None:
    """Remove what `look` kept."""
    shutil.rmtree(folder, ignore_errors=True)
