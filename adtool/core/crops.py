"""Square crops around the regions of a binary, and their merging.

Source: AnomalyNCD's public code (`crop_sub_image_mask`, `merge_crop_boxes`). Differences: regions are taken in a fixed
order (area, then position) instead of the order of OpenCV's contour search, which depends on its version.

Boxes are (left, top, right, bottom) in image pixels, float64. They may leave the image, and merged ones may lie on half
pixels; `cut` rounds them and fills what is outside with zeros.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

PADDING = 0.1  # share of the region's longer side that a crop leaves on either side, half of it each
MIN_SIDE = 0.1  # share of the image's longer side; the reference uses it as half a side, so a crop has at least 20 %
MAX_GAP = 0.01  # share of the image's longer side; crops with a smaller gap are merged

Box = NDArray[np.float64]  # (4,)
Boxes = NDArray[np.float64]  # (R, 4)
Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True)
class Region:
    """One connected piece of a binary, by its outer contour."""

    x: int
    y: int
    w: int
    h: int

    @property
    def area_px(self) -> int:
        """Area of the bounding box."""
        return self.w * self.h


def find_regions(binary: NDArray[np.bool_]) -> list[Region]:
    """Regions of a binary (H, W), smallest box first; a region inside the hole of another one is not listed."""
    contours, _ = cv2.findContours(np.ascontiguousarray(binary, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    regions = [Region(*cv2.boundingRect(contour)) for contour in contours]
    return sorted(regions, key=lambda region: (region.area_px, region.x, region.y, region.w, region.h))


def crop_boxes(binary: NDArray[np.bool_], regions_estimated: int) -> Boxes:
    """The crops of one image, largest first.

    Args:
        binary: (H, W) at image size.
        regions_estimated: MEBin's estimate. One crop more than that is kept, as in the reference.

    Returns:
        (R, 4) boxes; without a region one that covers the image and is not square.
    """
    height, width = binary.shape
    regions = find_regions(binary)
    if not regions:
        return np.array([[0, 0, width, height]], np.float64)
    squares = np.array([square_around(region, height, width) for region in regions])
    merged = merge_boxes(squares, max_gap=int(MAX_GAP * max(height, width)))
    return merged[: regions_estimated + 1] if len(merged) > regions_estimated else merged


def square_around(region: Region, height: int, width: int) -> Box:
    """The square crop of one region, shifted into the image as far as it fits; (4,)."""
    size = max(height, width)
    radius = max(int((0.5 + PADDING / 2) * max(region.w, region.h)), int(MIN_SIDE * size))
    radius = min(radius, int(0.5 * size))
    left, right = _shift_inside(int(region.x + region.w / 2) - radius, radius, width)
    top, bottom = _shift_inside(int(region.y + region.h / 2) - radius, radius, height)
    return np.array([left, top, right, bottom], np.float64)


def merge_boxes(boxes: Boxes, max_gap: float) -> Boxes:
    """Replace boxes that lie close together by a square around them; (R, 4) -> (at most R, 4), largest first.

    Not transitive, as in the reference: of a chain A-B-C-D with only neighbours near, two overlapping squares around
    A-B-C and B-C-D remain. The boxes of a group are joined from left to right, then from top to bottom.
    """
    near = [
        frozenset(j for j, other in enumerate(boxes) if box_gap(box, other) < max_gap) | {i}
        for i, box in enumerate(boxes)
    ]
    groups = list(dict.fromkeys(near))
    largest = [group for group in groups if not any(group < other for other in groups)]
    merged = np.array([_union_square(sorted(boxes[i].tolist() for i in group)) for group in largest])
    areas = (merged[:, 2] - merged[:, 0]) * (merged[:, 3] - merged[:, 1])
    return merged[np.argsort(-areas, kind="stable")]


def box_gap(one: Box, other: Box) -> float:
    """Euclidean distance of two boxes in pixels; -1 where they overlap, 0 where they touch."""
    dx = max(one[0], other[0]) - min(one[2], other[2])
    dy = max(one[1], other[1]) - min(one[3], other[3])
    if dx < 0 and dy < 0:
        return -1.0
    return math.hypot(max(dx, 0), max(dy, 0))


def pixel_box(box: Box) -> tuple[int, int, int, int]:
    """Whole pixels (left, top, right, bottom); halves go to the even neighbour, as in Pillow's crop."""
    left, top, right, bottom = (round(float(value)) for value in box)
    return left, top, right, bottom


def whole_pixels(box: Box) -> Box:
    """The box moved up and left by half a pixel where it lies on halves; unlike `pixel_box` it stays square."""
    return np.floor(box)


def cut(image: NDArray[Pixel], box: Box) -> NDArray[Pixel]:
    """The part of an image (H, W) or (H, W, C) inside a box, zeros where the box leaves the image."""
    left, top, right, bottom = pixel_box(box)
    height, width = image.shape[:2]
    part = np.zeros((bottom - top, right - left, *image.shape[2:]), image.dtype)
    inside = image[max(top, 0) : max(min(bottom, height), 0), max(left, 0) : max(min(right, width), 0)]
    y, x = max(-top, 0), max(-left, 0)
    part[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return part


def _shift_inside(start: int, radius: int, size: int) -> tuple[int, int]:
    """Move [start, start + 2 radius] inside [0, size]; one that does not fit ends up outside on one side."""
    if start < 0:
        return 0, 2 * radius
    if start + 2 * radius > size:
        return size - 2 * radius, size
    return start, start + 2 * radius


def _union_square(boxes: list[list[float]]) -> list[float]:
    """Add box after box, and after each make the union square by growing its shorter side on both ends."""
    left, top, right, bottom = boxes[0]
    for box in boxes[1:]:
        left, top = min(left, box[0]), min(top, box[1])
        right, bottom = max(right, box[2]), max(bottom, box[3])
        grow = ((right - left) - (bottom - top)) / 2
        if grow > 0:
            top, bottom = top - grow, bottom + grow
        else:
            left, right = left + grow, right - grow
    return [left, top, right, bottom]
