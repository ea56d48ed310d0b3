"""Features of training images, taken once and kept on the disk: a frozen network sees an unchanged picture the same."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adtool.core import files
from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ModelFolder
from adtool.core.progress import track
from adtool.detection.frame import Frame

FILE, NOTE = ".features", ".features.json"
NOTED_EVERY = 64  # images that a kill loses

See = Callable[[Iterable[Sample]], Iterator[tuple[Sample, list[Tensor]]]]

log = logging.getLogger("adtool")


@dataclass
class _CacheIndex:
    """What the file holds: one row for each of these images, in units of `shapes`."""

    key: str
    rows: list[int]
    shapes: list[list[int]]


def cached(
    samples: Sequence[Sample], see: See, frame: Frame, folder: ModelFolder, *, key: Sequence[object], gigabytes: float
) -> "FeatureCache":
    """Features of a frame's backbone; `key` is what they depend on besides it and the images. See `FeatureCache`."""
    whole = [*frame.noted().values(), *key]
    every = math.lcm(NOTED_EVERY, frame.batch_size)  # a batch is seen again as it was
    return FeatureCache(samples, see, folder.path, key=whole, limit_bytes=int(gigabytes * 1e9), noted_every=every)


class FeatureCache:
    """Features of images, float16 on the disk; the system keeps them in memory as far as there is some.

    Too many for `limit_bytes` are taken anew whenever they are asked for: slower, but it works. What an interrupted
    run has seen is taken up again.

    Args:
        samples: the images.
        see: gives the features of images in their order, the same shapes for each; leaves out what it can't read.
        folder: where the file is.
        key: what the features depend on besides the images.
        limit_bytes: the most that is kept.
        noted_every: so many images; a kill loses at most those.

    Raises:
        BadDataError: no image could be read.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        see: See,
        folder: Path,
        *,
        key: object,
        limit_bytes: int,
        noted_every: int = NOTED_EVERY,
    ) -> None:
        self._samples = list(samples)
        self._see = see
        self._folder = folder
        self._noted_every = noted_every
        self._stored: np.memmap | None = None
        names = files.fingerprint((f"{one.category}/{one.id}", one.image) for one in samples)
        self._seen = _CacheIndex(json.dumps([names, key], default=str), [], [])
        self._fill(limit_bytes)
        if not self._seen.rows:
            raise BadDataError("None of the normal training images could be read.")

    def __len__(self) -> int:
        return len(self._seen.rows)

    @property
    def samples(self) -> list[Sample]:
        """The images that could be read, in the order of their numbers."""
        return [self._samples[row] for row in self._seen.rows]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of one image's features."""
        return [tuple(shape) for shape in self._seen.shapes]

    def _fill(self, limit_bytes: int) -> None:
        self._take_up()
        begun = self._seen.rows[-1] + 1 if self._seen.rows else 0
        numbers = {id(one): number for number, one in enumerate(self._samples)}
        seen = self._see(self._samples[begun:])
        for sample, layers in track(seen, "features of normal images", len(self._samples) - begun):
            flat = np.concatenate([_flat(layer) for layer in layers])
            if not np.isfinite(flat).all():  # half precision ends at 65,504
                log.warning("skipped 1 unreadable image: features of %s are too large to keep.", sample.image)
                continue
            if not self._seen.shapes:
                self._seen.shapes = [list(layer.shape) for layer in layers]
                self._open(limit_bytes)
            if self._stored is not None:
                self._stored[len(self._seen.rows)] = flat
            self._seen.rows.append(numbers[id(sample)])
            if len(self._seen.rows) % self._noted_every == 0:
                self._note()
        self._note()

    def _size(self) -> int:
        return sum(math.prod(shape) for shape in self._seen.shapes)

    def _open(self, limit_bytes: int) -> None:
        wanted = 2 * self._size() * len(self._samples)
        if wanted > limit_bytes:
            log.warning("The features take %.1f GB, too much to keep; each step reads its images again.", wanted / 1e9)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        shape = (len(self._samples), self._size())
        self._stored = np.memmap(self._folder / FILE, np.float16, "w+", shape=shape)

    def _take_up(self) -> None:
        """Go on with the file of an interrupted run, if it is of the same images seen in the same way."""
        note = files.read_json(self._folder / NOTE)
        if not isinstance(note, dict) or note.get("key") != self._seen.key:
            return
        self._seen.rows, self._seen.shapes = note["rows"], note["shapes"]
        path, size = self._folder / FILE, 2 * self._size() * len(self._samples)
        if not path.is_file() or path.stat().st_size != size:
            self._seen.rows, self._seen.shapes = [], []
            return
        self._stored = np.memmap(path, np.float16, "r+", shape=(len(self._samples), self._size()))

    def _note(self) -> None:
        if self._stored is not None:
            self._stored.flush()
            files.write_json(self._folder / NOTE, vars(self._seen))

    def batches(self, order: Sequence[int], size: int) -> Iterator[list[Tensor]]:
        """Features of images in an order, `size` at a time: one (B, ...) float32 tensor for each of `shapes`.

        Args:
            order: numbers of images, from 0; the same may come again.
            size: images a batch; the last may have fewer.
        """
        if self._stored is not None:
            for start in range(0, len(order), size):
                rows = torch.from_numpy(self._stored[list(order[start : start + size])])
                parts = torch.split(rows, [math.prod(shape) for shape in self._seen.shapes], dim=1)
                yield [part.float().view(-1, *shape) for part, shape in zip(parts, self._seen.shapes, strict=True)]
            return
        waiting: list[list[Tensor]] = []
        for number, layers in enumerate(self._again(order), start=1):
            waiting.append([layer.to(torch.float16).float() for layer in layers])  # as if they were kept
            if len(waiting) == size or number == len(order):
                yield [torch.stack(parts) for parts in zip(*waiting, strict=True)]
                waiting = []

    def _again(self, order: Sequence[int]) -> Iterator[list[Tensor]]:
        """Features of images in an order, taken anew; one that is lacking would put all after it in its place."""
        wanted = [self.samples[i] for i in order]
        seen = self._see(wanted)
        for one in wanted:
            found, layers = next(seen, (None, []))
            if found is not one:
                raise UnreadableImageError(f"{one.image} can't be read any more. Run the same again: it goes on.")
            yield layers

    def forget(self) -> None:
        """Remove what is kept."""
        self._stored = None
        forget(self._folder)


def forget(folder: Path) -> None:
    """Remove what a `FeatureCache` kept in a folder."""
    for name in (FILE, NOTE):
        (folder / name).unlink(missing_ok=True)


def _flat(layer: Tensor) -> np.ndarray:
    return layer.flatten().to(torch.float16).cpu().numpy()
