"""All pixels of a category, read once and sorted once for every pixel metric."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Bools, Floats
from adtool.core.errors import BadDataError
from adtool.metrics import sorted_column
from adtool.metrics.ranking import Ranking, tie_share
from adtool.metrics.sorted_column import SortedColumn, paired, pairs_apart

LIMIT_BYTES = 2 * 2**30
DEFECTS = 4  # one part in so many of the memory is for defect pixels
MERGED_BYTES = 8  # of a defect pixel, while they are merged
RANKED_BYTES = 240  # of a defect pixel, while figures and curves are made
Pair = tuple[Floats, Bools] | tuple[Floats, Bools, Bools]
CONNECTIVITY = 8  # pixels that meet at a corner are one region, as in the MVTec AD evaluation


@dataclass(frozen=True)
class Pixels:
    """Scores of all test pixels of a category, defects apart from normals.

    Memory is 4 to 5 bytes per normal pixel and 8 to 16 per defect pixel, up to a limit beyond which they lie on the
    disk: the normal ones in sorted runs, in which others find their place, the defect ones merged from such runs. They
    are ranked in parts where all at once would be beyond the limit.

    Attributes:
        normals: parts of the (n,) float32 scores outside the masks, each ascending; one, if it fits into memory.
        defects: (P,) float32 scores inside the masks, ascending.
        regions: (P,) int32, the region of each defect pixel, 0 .. K - 1; as the scores, on the disk if need be.
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
        normals = SortedColumn(np.float32, limit_bytes, folder)
        defects = SortedColumn(np.uint64, limit_bytes // DEFECTS, folder)
        areas: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        n_regions = n_images = 0
        for n_images, (scores, whole_mask, *inside) in enumerate(pairs, start=1):
            _check(scores, whole_mask, n_images)
            mask = whole_mask & inside[0] if inside else whole_mask
            normals.add(scores[inside[0] & ~mask] if inside else scores[~mask])
            if mask.any():
                count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=CONNECTIVITY)
                before = defects.in_memory_bytes
                defects.add(paired(scores[mask], labels[mask] + (n_regions - 1)))  # label 0 is the background
                areas.append(np.bincount(labels[mask], minlength=count)[1:])
                n_regions += count - 1
                normals.leave(defects.in_memory_bytes - before)
        scores_of, regions = pairs_apart(defects.sorted(), limit_bytes // DEFECTS // MERGED_BYTES, folder)
        return cls(
            normals=normals.sorted(),
            defects=scores_of,
            regions=regions,
            areas_px=np.concatenate(areas),
            n_images=n_images,
            at_once=max(sorted_column.LEAST, limit_bytes // RANKED_BYTES),
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

    def per_region(self, place: slice, ranking: Ranking, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the pixels of each region gain, (K,).

        Args:
            place: of a part's pixels among the defects.
            ranking: of that part.
            gains: (S,) of a pixel with each of the part's scores.
        """
        start, end, _ = place.indices(self.defects.size)
        ends = start + np.cumsum(ranking.defects)  # of the pixels with one score, which may be more than fit at once
        total = np.zeros(self.n_regions)
        for low in range(start, end, max(1, self.at_once)):
            high = min(end, low + self.at_once)
            of_pixels = gains[np.searchsorted(ends, np.arange(low, high), side="right")]
            total += np.bincount(self.regions[low:high], of_pixels, minlength=self.n_regions)
        return total

    @property
    def tie_share(self) -> float:
        """Share of the pairs of a defect and a normal pixel with equal scores; high for rounded maps."""
        return tie_share(self.rankings())


def _check(scores: Floats, mask: Bools, number: int) -> None:
    if scores.shape != mask.shape:
        raise BadDataError(f"Image {number}: scores {scores.shape} and mask {mask.shape} differ in size.")
    if not np.isfinite(scores).all():
        raise BadDataError(f"Image {number}: the scores hold NaN or infinite values. Write the map again.")
