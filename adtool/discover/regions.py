"""From the score map of one image to its binary, its regions and its crops on disk."""

from dataclasses import dataclass

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.layout import ClassesFolder
from adtool.discover import binarize, crop
from adtool.discover.binarize import SearchRange
from adtool_runtime.pictures.look_at import LookAt


@dataclass(frozen=True)
class CropRow:
    """One square cut from an image; the fields of `crops.csv` that are known before clustering."""

    id: str
    crop: int
    file: str
    x: int
    y: int
    side: int
    area_px: int
    score: float


@dataclass(frozen=True)
class RegionRow:
    """One connected piece of a binary: a row of `regions.csv`."""

    id: str
    region: int
    crop: int | None  # None if the crop around it was dropped, see `crop.crop_boxes`
    x: int
    y: int
    w: int
    h: int
    area_px: int
    score: float


@dataclass(frozen=True)
class Finder:
    """MEBin and its parameters for the maps of one category."""

    search: SearchRange
    side: int  # of the erosion kernel, in map pixels; 0 takes it in proportion to the map
    min_run: int
    look_at: LookAt | None = None  # nothing is found outside of that part

    def find(
        self, sample_id: str, image: Bytes, scores: Floats, folder: ClassesFolder
    ) -> tuple[list[CropRow], list[RegionRow]]:
        """Binarize one map and write its binary, crops and crop masks.

        Args:
            sample_id: id of the image.
            image: (H, W, 3).
            scores: (h, w) of its map.
            folder: the category's folder.

        Returns:
            Its crops, largest first, at least one, and its regions, largest first.
        """
        height, width = image.shape[:2]
        binary, count = self.binary(sample_id, (height, width), scores, folder)
        normalized = crop.normalized_scores(scores, self.search, height, width)
        squares = [_square(box) for box in crop.crop_boxes(binary, count)]
        plain = image[..., 0] if (image == image[..., :1]).all() else image
        crops = []
        for index, box in enumerate(squares):
            part = crop.cut(binary, box)
            arrays.write_png(folder.crop(sample_id, index), crop.cut(plain, box))
            arrays.write_mask(folder.crop_mask(sample_id, index), part)
            left, top, right, _ = crop.pixel_box(box)
            file = folder.crop(sample_id, index).relative_to(folder.path).as_posix()
            score = crop.crop_score(normalized, box)
            crops.append(CropRow(sample_id, index, file, left, top, right - left, int(part.sum()), score))
        return crops, _regions(sample_id, binary, normalized, squares)

    def binary(self, sample_id: str, size: tuple[int, int], scores: Floats, folder: ClassesFolder) -> tuple[Bools, int]:
        """Binarize one map at its image's size (H, W), and write the binary; with MEBin's estimate of its regions."""
        found = binarize.binarize(
            scores, self.search, side=self.side or binarize.erosion_side(*scores.shape), min_run=self.min_run
        )
        small = found.binary.astype(np.uint8)
        binary = cv2.resize(small, size[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
        binary = binary if self.look_at is None else binary & self.look_at.inside(size)
        arrays.write_mask(folder.binary(sample_id), binary)
        return binary, found.regions


def _square(box: crop.Box) -> crop.Box:
    """A crop of whole pixels; the one of an image without regions is padded to a square around the image."""
    left, top, right, bottom = crop.whole_pixels(box)
    side = max(right - left, bottom - top)
    x, y = left - (side - (right - left)) // 2, top - (side - (bottom - top)) // 2
    return np.array([x, y, x + side, y + side])


def _regions(sample_id: str, binary: arrays.Bools, normalized: crop.Box, squares: list[crop.Box]) -> list[RegionRow]:
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(binary.astype(np.uint8), connectivity=8)
    order = sorted(range(1, count), key=lambda label: (-int(stats[label, cv2.CC_STAT_AREA]), label))
    holders = _holders(np.asarray(centroids, np.float64)[order], squares)
    rows = []
    for index, (label, holder) in enumerate(zip(order, holders, strict=True), start=1):
        x, y, w, h, area = (int(value) for value in stats[label])
        inside = labels[y : y + h, x : x + w] == label
        score = float(normalized[y : y + h, x : x + w][inside].max())
        rows.append(RegionRow(sample_id, index, holder, x, y, w, h, area, score))
    return rows


def _holders(points: crop.Box, squares: list[crop.Box]) -> list[int | None]:
    """For each point (R, 2) the smallest crop that holds it."""
    left, top, right, bottom = np.array(squares).T
    found: list[int | None] = []
    for x, y in points:
        holding = np.flatnonzero((left <= x) & (x < right) & (top <= y) & (y < bottom))
        found.append(int(holding[-1]) if holding.size else None)  # crops are sorted largest first
    return found
