"""All pixels of a category, read once and sorted once for every pixel metric."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool.core.arrays import Bools, Floats
from adtool.core.errors import BadDataError
from adtool.metrics.ranking import Ranking

CONNECTIVITY = 8  # pixels that meet at a corner are one region, as in the MVTec AD evaluation


@dataclass(frozen=True)
class Pixels:
    """Scores of all test pixels of a category, defects apart from normals.

    Memory is 4 to 5 bytes per normal pixel, and some 30 per defect pixel while they are sorted.

    Attributes:
        normals: (n,) float32 scores outside the masks, ascending.
        defects: (P,) float32 scores inside the masks, ascending.
        regions: (P,) int32, the region of each defect pixel, 0 .. K - 1.
        areas_px: (K,) int64, pixels of each region; regions are never joined across images.
        n_images: number of images.
    """

    normals: Floats
    defects: Floats
    regions: NDArray[np.int32]
    areas_px: NDArray[np.int64]
    n_images: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[Floats, Bools]]) -> "Pixels":
        """Pool images of any sizes.

        Args:
            pairs: scores (H, W) float32 and mask (H, W) bool of each image, asked for one at a time.

        Raises:
            BadDataError: scores are NaN or infinite, or differ in size from their mask.
        """
        normals = _Column()
        defects: list[Floats] = [np.empty(0, np.float32)]
        regions: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        n_regions = n_images = 0
        for n_images, (scores, mask) in enumerate(pairs, start=1):
            _check(scores, mask, n_images)
            normals.add(scores[~mask])
            if mask.any():
                count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=CONNECTIVITY)
                defects.append(scores[mask].astype(np.float32))
                regions.append((labels[mask] + (n_regions - 1)).astype(np.int32))  # label 0 is the background
                n_regions += count - 1
        defect_scores, region = np.concatenate(defects), np.concatenate(regions)
        order = np.argsort(defect_scores)
        return cls(
            normals=normals.sorted(),
            defects=defect_scores[order],
            regions=region[order],
            areas_px=np.bincount(region, minlength=n_regions),
            n_images=n_images,
        )

    @property
    def n_pixels(self) -> int:
        """Number of pixels, inside and outside of the masks."""
        return self.normals.size + self.defects.size

    @property
    def n_regions(self) -> int:
        """Number of connected defect regions."""
        return self.areas_px.size

    @cached_property
    def ranking(self) -> Ranking:
        """The defect pixels among the normal pixels."""
        return Ranking.of(self.defects, self.normals, unit="pixels")

    @property
    def tie_share(self) -> float:
        """Share of the pairs of a defect and a normal pixel with equal scores; high for rounded maps."""
        return self.ranking.tie_share


class _Column:
    """A float32 column that grows where it lies: joining a list of parts would hold every pixel twice."""

    def __init__(self) -> None:
        self._values = np.empty(0, np.float32)
        self._size = 0

    def add(self, values: Floats) -> None:
        end = self._size + values.size
        if end > self._values.size:
            self._resize(max(end, self._values.size * 5 // 4))
        self._values[self._size : end] = values
        self._size = end

    def sorted(self) -> Floats:
        self._resize(self._size)
        self._values.sort()
        return self._values

    def _resize(self, size: int) -> None:
        self._values.resize(size, refcheck=False)  # no view of it is ever handed out before `sorted`


def _check(scores: Floats, mask: Bools, number: int) -> None:
    if scores.shape != mask.shape:
        raise BadDataError(f"Image {number}: scores {scores.shape} and mask {mask.shape} differ in size.")
    if not np.isfinite(scores).all():
        raise BadDataError(f"Image {number}: the scores hold NaN or infinite values. Write the map again.")
