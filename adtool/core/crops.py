"""Square crops around the regions of a binary, and their merging.

Source: AnomalyNCD's public code (`crop_sub_image_mask`, `merge_crop_boxes`). Differences: regions are taken in a fixed
order (area, then position) instead of the order of OpenCV's contour search, which depends on its version.

Boxes are (left, top, right, bottom) in image pixels, float64. They may leave the image, and merged ones may lie on half
pixels; `cut` rounds them and fills what is outside with zeros.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

PADDING = 0.1  # share of the region's longer side that a crop leaves on either side, half of it each
MIN_SIDE = 0.1  # share of the image's longer side; the reference uses it as half a side, so a crop has at least 20 %
MAX_GAP = 0.01  # share of the image's longer side; crops with a smaller gap are merged
STRIP = 8  # sides of an image; from there on it is a strip, and a square of its longer side would hold little of it
STRIP_SIDE = 2048  # pixels that a square in a strip may have anyway

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
        (R, 4) boxes; without a region one that covers the image, or the middle of a strip, and is not square.
    """
    height, width = binary.shape
    longest = longest_side(height, width)
    regions = find_regions(binary)
    if not regions:
        left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
        return np.array([[left, top, min(left + longest, width), min(top + longest, height)]], np.float64)
    squares = np.array([square_around(region, height, width) for region in regions])
    merged = merge_boxes(squares, max_gap=int(MAX_GAP * longest))
    if longest < max(height, width) and merged[0, 2] - merged[0, 0] > longest:  # neighbours of neighbours in a strip
        merged = _largest_first(np.unique(squares, axis=0))
    return merged[: regions_estimated + 1] if len(merged) > regions_estimated else merged


def longest_side(height: int, width: int) -> int:
    """The side in pixels that no crop of an image exceeds: its longer one, but for a strip."""
    return min(max(height, width), max(STRIP * min(height, width), STRIP_SIDE))


def square_around(region: Region, height: int, width: int) -> Box:
    """The square crop of one region, shifted into the image as far as it fits; (4,)."""
    size = longest_side(height, width)
    radius = max(int((0.5 + PADDING / 2) * max(region.w, region.h)), int(MIN_SIDE * size))
    radius = max(1, min(radius, int(0.5 * size)))  # of an image of a pixel or two there would be nothing left
    left, right = _shift_inside(int(region.x + region.w / 2) - radius, radius, width)
    top, bottom = _shift_inside(int(region.y + region.h / 2) - radius, radius, height)
    return np.array([left, top, right, bottom], np.float64)


def merge_boxes(boxes: Boxes, max_gap: float) -> Boxes:
    """Replace boxes that lie close together by a square around them; (R, 4) -> (at most R, 4), largest first.

    Not transitive, as in the reference: of a chain A-B-C-D with only neighbours near, two overlapping squares around
    A-B-C and B-C-D remain. The boxes of a group are joined from left to right, then from top to bottom.
    """
    order = np.lexsort(boxes.T[::-1])  # by left, then top ...
    ordered = boxes[order]
    near = np.stack([box_gap(box, ordered) < max_gap for box in ordered])  # (R, R)
    np.fill_diagonal(near, val=True)
    return _largest_first(_union_squares(ordered, near[_largest(near, np.argsort(order))]))


def _largest_first(boxes: Boxes) -> Boxes:
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[np.argsort(-areas, kind="stable")]


def box_gap(one: Box, other: Box | Boxes) -> NDArray[np.float64]:
    """Euclidean distance of a box from one or several in pixels; -1 where they overlap, 0 where they touch."""
    dx = np.maximum(one[0], other[..., 0]) - np.minimum(one[2], other[..., 2])
    dy = np.maximum(one[1], other[..., 1]) - np.minimum(one[3], other[..., 3])
    return np.where((dx < 0) & (dy < 0), -1.0, np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)))


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


def _largest(near: NDArray[np.bool_], rows: NDArray[np.intp]) -> list[int]:
    """Groups that are in no larger one, each once.

    A group that holds another one's first box is near it, as nearness is mutual: only near boxes' groups are looked at.

    Args:
        near: (R, R) row by row the boxes that lie near a box, and itself.
        rows: the rows in the order that the result shall have.
    """
    packed, sizes = np.packbits(near, axis=1), np.count_nonzero(near, axis=1)
    seen: set[bytes] = set()
    found = []
    for row in rows.tolist():
        own = packed[row]
        if (key := own.tobytes()) in seen:
            continue
        seen.add(key)
        larger = np.flatnonzero(near[row] & (sizes > sizes[row]))
        if not ((packed[larger] & own) == own).all(axis=1).any():
            found.append(row)
    return found


def _union_squares(boxes: Boxes, groups: NDArray[np.bool_]) -> Boxes:
    """Of each group add box after box, and after each make the union square by growing its shorter side on both ends.

    Args:
        boxes: (R, 4) in the order in which they are added.
        groups: (G, R) which of them are in each group, at least one.

    Returns:
        (G, 4); all groups grow beside each other.
    """
    members = [np.flatnonzero(group) for group in groups]
    order = np.argsort([-len(one) for one in members], kind="stable")  # so that those still growing stand first
    members = [members[k] for k in order]
    sizes = np.array([len(one) for one in members])
    table = np.zeros((len(members), sizes.max()), np.intp)
    for row, one in zip(table, members, strict=True):
        row[: len(one)] = one
    squares = boxes[table[:, 0]]
    for turn in range(1, table.shape[1]):
        growing = np.count_nonzero(sizes > turn)
        added, (left, top, right, bottom) = boxes[table[:growing, turn]], squares[:growing].T
        left, top = np.minimum(left, added[:, 0]), np.minimum(top, added[:, 1])
        right, bottom = np.maximum(right, added[:, 2]), np.maximum(bottom, added[:, 3])
        grow = ((right - left) - (bottom - top)) / 2
        high, wide = np.maximum(grow, 0), np.minimum(grow, 0)
        squares[:growing] = np.stack([left + wide, top - high, right - wide, bottom + high], axis=1)
    merged = np.empty_like(squares)
    merged[order] = squares
    return merged
