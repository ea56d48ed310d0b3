"""A column of numbers that is sorted, in memory or, beyond a limit, in runs on the disk."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Floats

Column = NDArray[Any]
LEAST = 2**16  # values of a part, however little memory there is: each part is a file
BLOCK = 1024  # values of a run that are read at once, at least: fewer would take longer than they save
COPIES = 4  # of what is merged at once: pieces of the runs, joined, sorted and taken apart
_HALF = np.uint64(32)
_SIGN, _ALL = np.uint32(0x80000000), np.uint32(0xFFFFFFFF)


class SortedColumn:
    """A column that grows where it lies: joining a list of parts would hold every value twice.

    Args:
        kind: of its numbers.
        limit_bytes: beyond which what was added so far is sorted and put on the disk.
        folder: where; the system's folder for such files if None.
    """

    def __init__(self, kind: type[np.generic], limit_bytes: int, folder: Path | None) -> None:
        self._values: Column = np.empty(0, kind)
        self._size = 0
        self._limit = limit_bytes // self._values.itemsize  # of values
        self._folder = folder
        self._runs: list[Column] = []

    @property
    def in_memory_bytes(self) -> int:
        """What it takes of the memory."""
        return self._size * self._values.itemsize

    def add(self, values: Column) -> None:
        """Add some values, of its kind."""
        while values.size:
            room = max(self._limit, LEAST) - self._size
            if room <= 0:
                self._spill()
                continue
            head, values = values[:room], values[room:]
            end = self._size + head.size
            if end > self._values.size:
                self._resize(min(max(end, self._values.size * 5 // 4), max(self._limit, LEAST)))
            self._values[self._size : end] = head
            self._size = end

    def leave(self, taken_bytes: int) -> None:
        """So much of the memory is needed for other things."""
        self._limit -= taken_bytes // self._values.itemsize

    def sorted(self) -> tuple[Column, ...]:
        """All values in runs, each ascending; one in memory, or all on the disk."""
        if self._runs and self._size:
            self._spill()
        if self._runs:
            return tuple(self._runs)
        self._resize(self._size)
        self._values.sort()
        return (self._values,)

    def _spill(self) -> None:
        self._resize(self._size)
        self._values.sort()
        with _nameless(self._folder) as file:
            self._values.tofile(file)
            self._runs.append(_mapped(file, self._values.dtype, self._size))
        self._values, self._size = np.empty(0, self._values.dtype), 0

    def _resize(self, size: int) -> None:
        self._values.resize(size, refcheck=False)  # no view of it is ever handed out before `sorted`


def merged(runs: Sequence[Column], at_once: int) -> Iterator[Column]:
    """The values of sorted runs in one order, ascending, a piece at a time.

    Args:
        runs: each ascending; they may lie on the disk.
        at_once: values that are in memory at once.
    """
    if len(runs) == 1:
        for start in range(0, runs[0].size, max(1, at_once)):
            yield runs[0][start : start + at_once]
        return
    each = max(BLOCK, at_once // (COPIES * len(runs)))
    places = [0] * len(runs)
    while True:
        heads = [run[place : place + each] for run, place in zip(runs, places, strict=True)]
        # What is not above the last value of the lowest head is in the heads: of runs that go on, none has it later.
        ends = [head[-1] for head, run, place in zip(heads, runs, places, strict=True) if place + each < run.size]
        if not ends:
            break
        counts = [int(np.searchsorted(head, min(ends), side="right")) for head in heads]
        places = [place + count for place, count in zip(places, counts, strict=True)]
        piece = np.concatenate([head[:count] for head, count in zip(heads, counts, strict=True)])
        piece.sort()
        yield piece
    if any(head.size for head in heads):
        piece = np.concatenate(heads)
        piece.sort()
        yield piece


def paired(scores: Floats, numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Scores (n,) float32 with whole numbers (n,) below 2**31 as single values, in the order of the scores."""
    bits = np.ascontiguousarray(scores, np.float32).view(np.uint32)
    ordered = bits ^ np.where(bits & _SIGN, _ALL, _SIGN)  # negative floats have the higher bits the lower they are
    return (ordered.astype(np.uint64) << _HALF) | numbers.astype(np.uint64)


def apart(pairs: NDArray[np.uint64]) -> tuple[Floats, NDArray[np.int32]]:
    """What `paired` joined."""
    ordered = (pairs >> _HALF).astype(np.uint32)
    scores = (ordered ^ np.where(ordered & _SIGN, _SIGN, _ALL)).view(np.float32)
    return scores, (pairs & np.uint64(_ALL)).astype(np.int32)


def pairs_apart(
    runs: Sequence[NDArray[np.uint64]], at_once: int, folder: Path | None
) -> tuple[Floats, NDArray[np.int32]]:
    """The pairs of all runs in one order, taken apart: in memory if there is one run, else on the disk.

    Args:
        runs: of `paired` values, each ascending.
        at_once: values that are in memory at once.
        folder: for files that no other program sees.
    """
    if len(runs) == 1:
        return apart(runs[0])
    size = sum(run.size for run in runs)
    with _nameless(folder) as first, _nameless(folder) as second:
        for piece in merged(runs, at_once):
            scores, numbers = apart(piece)
            scores.tofile(first)
            numbers.tofile(second)
        return _mapped(first, np.dtype(np.float32), size), _mapped(second, np.dtype(np.int32), size)


def _nameless(folder: Path | None) -> Any:  # noqa: ANN401, a file of a class that tempfile does not name
    """A file that has no name, or is removed with the process: neither an error nor a kill leaves it."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


def _mapped(file: Any, kind: "np.dtype[Any]", size: int) -> Column:  # noqa: ANN401, as above
    file.flush()
    return np.memmap(file, kind, "r", shape=(size,))
