"""All pixels of a category, read once and sorted once for every pixel metric."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Bools, Floats
from adtool.core.errors import BadDataError
from adtool.metrics.ranking import Ranking, tie_share

LIMIT_BYTES = 2 * 2**30
LEAST = 2**16  # values of a part, however little memory there is: each part is a file
DEFECT_BYTES = 30  # of a defect pixel, while they are sorted
RANKED_BYTES = 240  # of a defect pixel, while figures and curves are made
Pair = tuple[Floats, Bools] | tuple[Floats, Bools, Bools]
CONNECTIVITY = 8  # pixels that meet at a corner are one region, as in the MVTec AD evaluation


@dataclass(frozen=True)
class Pixels:
    """Scores of all test pixels of a category, defects apart from normals.

    Memory is 4 to 5 bytes per normal pixel, up to a limit beyond which they lie on the disk. A defect pixel takes some
    30 bytes while they are sorted and 8 later; they are ranked in parts where all at once would be beyond the limit.

    Attributes:
        normals: parts of the (n,) float32 scores outside the masks, each ascending; one, if it fits into memory.
        defects: (P,) float32 scores inside the masks, ascending.
        regions: (P,) int32, the region of each defect pixel, 0 .. K - 1.
        areas_px: (K,) int64, pixels of each region; regions are never joined across images.
        n_images: number of images.
        at_once: defect pixels that are ranked at once.
    """

    normals: tuple[Floats, ...]
    defects: Floats
    regions: NDArray[np.int32]
    areas_px: NDArray[np.int64]
    n_images: int
    at_once: int = sys.maxsize

    @classmethod
    def of(cls, pairs: Iterable[Pair], *, limit_bytes: int = LIMIT_BYTES, folder: Path | None = None) -> "Pixels":
        """Pool images of any sizes.

        Args:
            pairs: scores (H, W) float32 and mask (H, W) bool of each image, asked for one at a time; where not all
                of it counts, a third (H, W) bool says what does.
            limit_bytes: of memory; the figures are the same with any.
            folder: where what is beyond it goes, in files that no other program sees and no kill leaves; the system's
                folder for such files if None.

        Raises:
            BadDataError: scores are NaN or infinite, or differ in size from their mask.
        """
        normals = _Column(limit_bytes, folder)
        defects: list[Floats] = [np.empty(0, np.float32)]
        regions: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        n_regions = n_images = 0
        for n_images, (scores, whole_mask, *inside) in enumerate(pairs, start=1):
            _check(scores, whole_mask, n_images)
            mask = whole_mask & inside[0] if inside else whole_mask
            normals.add(scores[inside[0] & ~mask] if inside else scores[~mask])
            if mask.any():
                count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=CONNECTIVITY)
                defects.append(scores[mask].astype(np.float32))
                regions.append((labels[mask] + (n_regions - 1)).astype(np.int32))  # label 0 is the background
                n_regions += count - 1
                normals.leave(DEFECT_BYTES * defects[-1].size)
        defect_scores, region = np.concatenate(defects), np.concatenate(regions)
        order = np.argsort(defect_scores)
        return cls(
            normals=normals.sorted(),
            defects=defect_scores[order],
            regions=region[order],
            areas_px=np.bincount(region, minlength=n_regions),
            n_images=n_images,
            at_once=max(LEAST, limit_bytes // RANKED_BYTES),
        )

    @property
    def n_pixels(self) -> int:
        """Number of pixels, inside and outside of the masks."""
        return sum(part.size for part in self.normals) + self.defects.size

    @property
    def n_regions(self) -> int:
        """Number of connected defect regions."""
        return self.areas_px.size

    @cached_property
    def ranking(self) -> Ranking:
        """The defect pixels among the normal pixels, all at once; see `rankings`."""
        return Ranking.of(self.defects, *self.normals, unit="pixels")

    def rankings(self) -> Iterator[Ranking]:
        """The defect pixels among the normal pixels, in parts from the highest scores down; one, if memory allows."""
        for _, part in self.parts():
            yield part

    def parts(self) -> Iterator[tuple[slice, Ranking]]:
        """As `rankings`, with the place of each part's pixels among the defects; equal scores are in one part."""
        if self.defects.size <= self.at_once:
            yield slice(None), self.ranking
            return
        end = self.defects.size
        while end:
            start = int(np.searchsorted(self.defects, self.defects[max(0, end - self.at_once)]))
            part = Ranking.of(self.defects[start:end], *self.normals, unit="pixels")
            yield slice(start, end), replace(part, n_defects=self.defects.size, found_above=self.defects.size - end)
            end = start

    @property
    def tie_share(self) -> float:
        """Share of the pairs of a defect and a normal pixel with equal scores; high for rounded maps."""
        return tie_share(self.rankings())


class _Column:
    """A float32 column that grows where it lies: joining a list of parts would hold every pixel twice.

    Args:
        limit_bytes: beyond which what was added so far is sorted and put on the disk.
        folder: where.
    """

    def __init__(self, limit_bytes: int, folder: Path | None) -> None:
        self._values = np.empty(0, np.float32)
        self._size = 0
        self._limit = limit_bytes // self._values.itemsize  # of values
        self._folder = folder
        self._parts: list[Floats] = []

    def add(self, values: Floats) -> None:
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

    def sorted(self) -> tuple[Floats, ...]:
        if self._parts and self._size:
            self._spill()
        if self._parts:
            return tuple(self._parts)
        self._resize(self._size)
        self._values.sort()
        return (self._values,)

    def _spill(self) -> None:
        self._resize(self._size)
        self._values.sort()
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        # The file has no name, or is removed with the process: neither an error nor a kill leaves it.
        with tempfile.TemporaryFile(dir=self._folder) as file:
            self._values.tofile(file)
            file.flush()
            self._parts.append(np.memmap(file, np.float32, "r", shape=(self._size,)))
        self._values, self._size = np.empty(0, np.float32), 0

    def _resize(self, size: int) -> None:
        self._values.resize(size, refcheck=False)  # no view of it is ever handed out before `sorted`


def _check(scores: Floats, mask: Bools, number: int) -> None:
    if scores.shape != mask.shape:
        raise BadDataError(f"Image {number}: scores {scores.shape} and mask {mask.shape} differ in size.")
    if not np.isfinite(scores).all():
        raise BadDataError(f"Image {number}: the scores hold NaN or infinite values. Write the map again.")
