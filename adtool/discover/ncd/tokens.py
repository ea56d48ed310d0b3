"""Tokens of many views, computed once: in memory while they are few, else read from disk as they are needed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import arrays, progress
from adtool.core.arrays import Floats
from adtool.core.steps import resuming
from adtool.discover.free.features import Item, NotFiniteItemsError
from adtool.discover.ncd import augment
from adtool.discover.ncd.trunk import Frozen
from adtool_runtime import images, parallel

IN_MEMORY_BYTES = 1 << 30
PLAIN = 0  # number of the view that is predicted on; the others are random
Ids = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True)
class ViewPlan:
    """Which views there are.

    Attributes:
        side: of a view, in pixels.
        numbers: of the views of each item: 0 is the plain one, every other number is another random one.
        seed: of the random views; the same item has the same views whatever the others are.
        batch_size: views a batch.
        test_view: what is seen of an item in its plain view, `whole` or `centre`.
    """

    side: int
    numbers: tuple[int, ...]
    seed: int
    batch_size: int
    test_view: str = augment.WHOLE


class Tokens:
    """The kept tokens of N items, in the same number of views each.

    On disk an item is one file: the number of tokens of each view, and all of them below each other.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        fits = sum(path.stat().st_size for path in self._paths) <= IN_MEMORY_BYTES
        self._kept = [_read(path) for path in self._paths] if fits else None

    def __len__(self) -> int:
        return len(self._paths)

    def batch(self, index: Ids, view: Ids) -> tuple[Tensor, Tensor]:
        """Views of some items.

        Args:
            index: B items.
            view: B views, by their place in `ViewPlan.numbers`.

        Returns:
            tokens (B, M, D) float32, padded with zeros, and (B, M) bool, False for padding.
        """
        rows = [torch.from_numpy(self._row(i, v)) for i, v in zip(index, view, strict=True)]
        tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
        lengths = torch.tensor([len(row) for row in rows])
        return tokens, torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)

    def _row(self, item: int, view: int) -> NDArray[np.float16]:
        return (self._kept[item] if self._kept is not None else _read(self._paths[item]))[view]


def collect(items: Sequence[Item], frozen: Frozen, folder: Path, plan: ViewPlan) -> Tokens:
    """Tokens of all views of all items; items that have their file from before a kill are not run again.

    Args:
        items: their guides are masks in [0, 1].
        frozen: the network.
        folder: one file per item.
        plan: which views.
    """
    paths = [folder / f"{item.key}.npy" for item in items]
    count = len(plan.numbers)
    every = [(item, path, number) for item, path in zip(items, paths, strict=True) for number in plan.numbers]
    jobs = _to_do(every, count, plan.batch_size)
    waiting: list[Tensor] = []
    broken: dict[str, Item] = {}
    with progress.bar("views", len(jobs)) as bar:
        for batch, rows in frozen.stream(_batches(jobs, frozen, plan)):
            for (item, path, _), row in zip(batch, rows, strict=True):
                waiting.append(row.half().cpu())
                if len(waiting) == count:
                    found = torch.cat(waiting)
                    if bool(torch.isfinite(found).all()):
                        arrays.write_several(path, [np.array([len(one) for one in waiting]), found.numpy()])
                    else:
                        broken[item.key] = item
                    waiting = []
            bar.advance(len(batch))
    if broken:
        raise NotFiniteItemsError(broken.values(), frozen.net)
    return Tokens(paths)


Job = tuple[Item, Path, int]


def _to_do(every: Sequence[Job], count: int, batch_size: int) -> list[Job]:
    """The views of items that have no file yet, with all views of those that share a batch with one.

    Batches go over the borders of items, `count` views each, so what is done again is widened to places where both
    a batch and an item begin.
    """
    missing = [place for place, (_, path, _) in enumerate(every) if not path.exists()]
    return resuming.whole_batches(every, missing, math.lcm(count, batch_size))


def _batches(jobs: Sequence[Job], frozen: Frozen, plan: ViewPlan) -> Iterator[tuple[list[Job], Floats, Floats]]:
    net = frozen.net
    side = images.fit((plan.side, plan.side), plan.side, net.multiple)[0]

    def load(job: Job) -> tuple[Floats, Floats]:
        item, _, number = job
        image, mask = item.load()
        if number == PLAIN:
            pixels, inside = augment.TEST_VIEWS[plan.test_view](image, mask, side)
        else:
            rng = np.random.default_rng([plan.seed, number, *item.key.encode()])
            pixels, inside = augment.random_view(image, mask, side, rng)
        return images.prepare(pixels, side, side, net.mean, net.std), inside[None]

    batch: list[tuple[Job, tuple[Floats, Floats]]] = []
    for loaded in parallel.prefetch(jobs, load, ahead=4 * plan.batch_size):
        batch.append(loaded)
        if len(batch) == plan.batch_size or loaded[0] is jobs[-1]:
            pixels, masks = (np.stack(part) for part in zip(*(one for _, one in batch), strict=True))
            yield [job for job, _ in batch], pixels, masks
            batch = []


def _read(path: Path) -> list[NDArray[np.float16]]:
    lengths, tokens = arrays.read_several(path, 2)
    return np.split(tokens, np.cumsum(lengths)[:-1])
