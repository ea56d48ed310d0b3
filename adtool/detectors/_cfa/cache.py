"""Features of the training images, taken once: no picture is changed while CFA trains, so none is looked at twice."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adtool.core.errors import BadDataError
from adtool.core.progress import track
from adtool.core.sample import Sample
from adtool.detectors._cfa.descriptor import Patches
from adtool.nn.reading import Reader

FILE = ".features"

log = logging.getLogger("adtool")


class Cache:
    """Pooled features of all images, in a file that the system keeps in memory as far as there is some.

    Too many for `limit_bytes` are taken anew whenever they are asked for: slower, but it works.
    """

    def __init__(
        self, samples: Sequence[Sample], reader: Reader, path: Path, *, patches: Patches, limit_bytes: int
    ) -> None:
        self._samples = list(samples)
        self._reader = reader
        self._path = path
        self._patches = patches
        self.device = reader.backbone.device
        self._shapes: list[torch.Size] = []
        self._stored: np.memmap | None = None
        self._fill(limit_bytes)

    def __len__(self) -> int:
        return len(self._samples)

    def _fill(self, limit_bytes: int) -> None:
        readable: list[Sample] = []
        for sample, layers in track(self._see(self._samples), "normal images", len(self._samples)):
            row = torch.cat([layer.flatten() for layer in layers]).cpu().numpy()
            if not readable:
                self._shapes = [layer.shape[1:] for layer in layers]
                if row.nbytes * len(self._samples) <= limit_bytes:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._path.unlink(missing_ok=True)
                    self._stored = np.memmap(self._path, np.float32, "w+", shape=(len(self._samples), row.size))
                else:
                    log.warning("The features take %.1f GB, too much to keep; each epoch reads the images again.",
                                row.nbytes * len(self._samples) / 1e9)  # fmt: skip
            if self._stored is not None:
                self._stored[len(readable)] = row
            readable.append(sample)
        if not readable:
            raise BadDataError("None of the normal training images could be read.")
        self._samples = readable

    def _see(self, samples: Sequence[Sample]) -> Iterator[tuple[Sample, list[Tensor]]]:
        for sight in self._reader.see(samples):
            yield sight.sample, self._patches.of([layer.unsqueeze(0) for layer in sight.layers])

    def batches(self, order: Sequence[int], size: int) -> Iterator[list[Tensor]]:
        """Features of images in an order, `size` at a time: one (B, C_l, h_l, w_l) tensor per layer."""
        chunks = [list(order[start : start + size]) for start in range(0, len(order), size)]
        if self._stored is not None:
            for chunk in chunks:
                yield self._split(torch.from_numpy(np.asarray(self._stored[chunk])))
            return
        waiting: list[list[Tensor]] = []
        for _, layers in self._see([self._samples[i] for i in order]):
            waiting.append(layers)
            if len(waiting) == size:
                yield [torch.cat(parts) for parts in zip(*waiting, strict=True)]
                waiting = []
        if waiting:
            yield [torch.cat(parts) for parts in zip(*waiting, strict=True)]

    def _split(self, rows: Tensor) -> list[Tensor]:
        parts = torch.split(rows, [shape.numel() for shape in self._shapes], dim=1)
        return [part.reshape(len(rows), *shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def close(self) -> None:
        """Give the file back."""
        self._stored = None
        self._path.unlink(missing_ok=True)
