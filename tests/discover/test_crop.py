from pathlib import Path

import numpy as np
import pytest

from adtool.core import crops
from adtool.core.crops import STRIP_SIDE
from adtool.discover.binarize import SearchRange
from adtool.discover.crop import (
    Region,
    box_gap,
    crop_boxes,
    crop_score,
    cut,
    find_regions,
    merge_boxes,
    normalized_scores,
    square_around,
    whole_pixels,
)

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "crops.npz") as arrays:
        return dict(arrays)


def box(*values):
    return np.array(values, np.float64)


def test_regions_come_smallest_first_and_not_from_holes():
    binary = np.zeros((40, 60), bool)
    binary[5:25, 5:25] = True
    binary[8:22, 8:22] = False
    binary[14:16, 14:16] = True  # inside the ring
    binary[30:33, 40:45] = True
    assert find_regions(binary) == [Region(40, 30, 5, 3), Region(5, 5, 20, 20)]
    assert find_regions(binary)[0].area_px == 15


def test_a_square_leaves_a_margin_of_a_tenth_around_its_region():
    # Half a side is int(0.55 * 60) = 33, the centre is (70, 50).
    assert square_around(Region(40, 40, 60, 20), 200, 200).tolist() == [37, 17, 103, 83]


def test_a_square_has_at_least_a_fifth_of_the_longer_image_side():
    assert square_around(Region(98, 98, 4, 4), 200, 200).tolist() == [80, 80, 120, 120]


def test_a_square_is_shifted_into_the_image():
    assert square_around(Region(0, 100, 4, 4), 200, 200).tolist() == [0, 82, 40, 122]
    assert square_around(Region(196, 196, 4, 4), 200, 200).tolist() == [160, 160, 200, 200]


def test_a_square_is_at_most_as_large_as_the_longer_side_and_may_leave_the_shorter_one():
    # int(0.55 * 190) = 104 is capped at 100; the rows are shifted to 0 and reach beyond 80.
    assert square_around(Region(5, 30, 190, 10), 80, 200).tolist() == [0, 0, 200, 200]


def test_the_gap_of_two_boxes_is_euclidean_and_negative_where_they_overlap():
    assert box_gap(box(0, 0, 10, 10), box(13, 14, 20, 20)) == 5
    assert box_gap(box(0, 0, 10, 10), box(12, 5, 20, 20)) == 2
    assert box_gap(box(0, 0, 10, 10), box(10, 5, 20, 20)) == 0
    assert box_gap(box(0, 0, 10, 10), box(9, 9, 20, 20)) == -1


def test_near_boxes_become_one_square():
    merged = merge_boxes(np.array([[0, 0, 10, 10], [12, 0, 22, 10], [60, 60, 70, 70]], float), max_gap=3)
    assert merged.tolist() == [[0, -6, 22, 16], [60, 60, 70, 70]]


def test_boxes_at_the_largest_gap_stay_apart():
    boxes = np.array([[0, 0, 10, 10], [13, 0, 23, 10]], float)
    assert merge_boxes(boxes, max_gap=3).tolist() == boxes.tolist()


def test_in_a_small_image_without_any_gap_allowed_only_overlapping_boxes_merge():
    boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [15, 0, 25, 10]], float)
    assert merge_boxes(boxes, max_gap=0).tolist() == [[10, -2.5, 25, 12.5], [0, 0, 10, 10]]


def test_a_chain_gives_overlapping_squares():
    chain = np.array([[x, 0, x + 10, 10] for x in (0, 12, 24, 36)], float)
    assert merge_boxes(chain, max_gap=3)[:, [0, 2]].tolist() == [[0, 34], [12, 46]]


def test_one_crop_more_than_regions_estimated_is_kept():
    binary = np.zeros((400, 400), bool)
    for y, x in ((0, 0), (0, 390), (390, 0), (390, 390)):
        binary[y : y + 10, x : x + 10] = True
    assert len(crop_boxes(binary, 4)) == 4
    assert len(crop_boxes(binary, 2)) == 3


def test_without_a_region_the_crop_is_the_whole_image():
    assert crop_boxes(np.zeros((30, 50), bool), 0).tolist() == [[0, 0, 50, 30]]


@pytest.mark.parametrize("shape", [(70_000, 1), (1, 70_000), (20, 70_000), (70_000, 20)])
@pytest.mark.parametrize("regions", [(), ((0, 3),), ((0, 69_990), (1, 69_995)), tuple((0, x * 900) for x in range(70))])
def test_no_crop_of_a_strip_is_as_large_as_a_square_of_its_longer_side(shape, regions):
    binary = np.zeros(shape, bool)
    along = binary if shape[1] > shape[0] else binary.T
    for y, x in regions:
        along[min(y, len(along) - 1), x : x + 5] = True
    boxes = crop_boxes(binary, len(regions))
    sides = np.max(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert sides.max() <= STRIP_SIDE
    assert (np.diff(sides) <= 0).all()  # the largest first
    for y, x in np.argwhere(binary):  # each region lies in a crop
        assert ((boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])).any()


def test_an_image_that_is_no_strip_has_the_crops_that_it_always_had():
    assert crops.longest_side(1000, 8000) == 8000
    assert crops.longest_side(30, 2000) == 2000


def test_the_score_of_a_crop_is_the_largest_inside_and_at_least_zero_where_it_leaves_the_image():
    scores = np.array([[-0.1, -0.2], [-0.3, 0.5]])
    assert crop_score(scores, box(0, 0, 2, 1)) == -0.1
    assert crop_score(scores, box(0, -1, 2, 1)) == 0
    assert crop_score(scores, box(1, 1, 4, 4)) == 0.5
    assert crop_score(scores, box(5, 5, 7, 7)) == 0


def test_a_crop_is_black_where_it_leaves_the_image():
    image = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    assert cut(image, box(-1, -1, 2, 2)).tolist() == [[0, 0, 0], [0, 1, 2], [0, 5, 6]]
    assert cut(image, box(3, 2, 5, 4)).tolist() == [[12, 0], [0, 0]]
    assert not cut(image, box(8, 8, 10, 10)).any()
    assert cut(np.ones((3, 4, 3), np.uint8), box(2, 1, 6, 5)).shape == (4, 4, 3)


def test_whole_pixels_of_a_box_stay_square():
    assert whole_pixels(box(10, 192.5, 105, 287.5)).tolist() == [10, 192, 105, 287]


def test_the_largest_score_of_a_map_gives_the_score_of_a_crop():
    scores = np.zeros((20, 40), np.float32)
    scores[4, 30] = 8
    scores[15, 5] = 6
    normalized = normalized_scores(scores, SearchRange(4, 8), 20, 40)
    assert crop_score(normalized, box(20, 0, 40, 20)) == pytest.approx(1)
    assert crop_score(normalized, box(0, 0, 20, 20)) == pytest.approx(0.5)
    assert crop_score(normalized, box(10, 0, 20, 10)) == 0


def test_crops_of_real_binaries_are_those_of_the_reference(golden):
    with np.load(GOLDEN / "mebin.npz") as mebin:
        search, maps = SearchRange(float(mebin["lo"]), float(mebin["hi"])), mebin["maps"]
    for i, (height, width) in enumerate(golden["image_size"].tolist()):
        binary = golden["masks"][i, :height, :width] > 0
        regions, before, merged, kept = golden["n_boxes"][i]
        found = find_regions(binary)
        assert [[r.x, r.y, r.w, r.h] for r in found] == golden["region_boxes"][i, :regions].tolist()
        if found:
            squares = np.array([square_around(region, height, width) for region in found])
            assert np.array_equal(squares, golden["boxes_before_merge"][i, :before])
            joined = merge_boxes(squares, max_gap=int(0.01 * max(height, width)))
            assert np.array_equal(joined, golden["boxes_merged"][i, :merged])
        boxes = crop_boxes(binary, int(golden["est_number"][i]))
        assert np.array_equal(boxes, golden["boxes_kept"][i, :kept])
        assert [cut(binary, b).sum() for b in boxes] == golden["mask_area"][i, :kept].tolist()
        normalized = normalized_scores(maps[golden["map_index"][i]], search, height, width)
        assert np.allclose([crop_score(normalized, b) for b in boxes], golden["scores"][i, :kept], atol=1e-6)


CASES = ["chain4", "chain5", "duplicate", "truncate", "wide_beyond", "corner_far", "corner_gap", "nested", "empty"]


@pytest.mark.parametrize("case", CASES)
def test_crops_of_painted_binaries_are_those_of_the_reference(golden, case):
    binary = golden[f"syn_{case}_mask"] > 0
    regions = find_regions(binary)
    if regions:
        squares = np.array([square_around(region, *binary.shape) for region in regions])
        assert np.array_equal(squares, golden[f"syn_{case}_before"])
        merged = merge_boxes(squares, max_gap=int(0.01 * max(binary.shape)))
        assert np.array_equal(merged, golden[f"syn_{case}_merged"])
    kept = crop_boxes(binary, int(golden[f"syn_{case}_est"]))
    assert np.array_equal(kept, golden[f"syn_{case}_kept"])


def as_defined(boxes, max_gap):
    """`merge_boxes` pair by pair: the groups of near boxes that are in no other one, each joined box by box."""

    def near(one, other):
        dx, dy = max(one[0], other[0]) - min(one[2], other[2]), max(one[1], other[1]) - min(one[3], other[3])
        return (-1.0 if dx < 0 and dy < 0 else np.hypot(max(dx, 0), max(dy, 0))) < max_gap

    all_groups = [frozenset(j for j, b in enumerate(boxes) if near(a, b)) | {i} for i, a in enumerate(boxes)]
    groups = list(dict.fromkeys(all_groups))
    merged = []
    for group in (one for one in groups if not any(one < other for other in groups)):
        first, *others = sorted(boxes[i].tolist() for i in group)
        left, top, right, bottom = first
        for box in others:
            left, top = min(left, box[0]), min(top, box[1])
            right, bottom = max(right, box[2]), max(bottom, box[3])
            grow = ((right - left) - (bottom - top)) / 2
            if grow > 0:
                top, bottom = top - grow, bottom + grow
            else:
                left, right = left + grow, right - grow
        merged.append([left, top, right, bottom])
    return sorted(merged, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))


def test_boxes_are_merged_as_defined_however_they_lie():
    rng = np.random.default_rng(0)
    for turn in range(300):
        count, corner = int(rng.integers(1, 14)), rng.integers(0, 60, (14, 2))
        size = rng.integers(1, 20, (14, 2)) if turn % 2 else rng.integers(1, 20, (14, 1))
        boxes = np.concatenate([corner, corner + size], axis=1)[:count].astype(float)
        boxes = boxes[rng.integers(0, count, count)] if turn % 3 == 0 else boxes  # some twice
        max_gap = int(rng.integers(0, 6))
        assert merge_boxes(boxes, max_gap).tolist() == as_defined(boxes, max_gap)
