from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.discover.binarize import (
    MIN_RUN,
    Binarized,
    SearchRange,
    binarize,
    count_regions,
    erode,
    erosion_side,
    stable_run,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "mebin.npz"
FULL = SearchRange(0, 255)  # thresholds are then the samples themselves: 255, 251, ..., 3


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def binarize_directly(scores, search, side=6):
    """The rule as it is written down: threshold, erode, count with statistics, for every threshold."""
    kernel = np.ones((side, side), np.uint8)
    thresholds = search.thresholds(integers=scores.dtype == np.uint8)
    binaries = [cv2.erode((scores > scores.dtype.type(t)).astype(np.uint8), kernel) for t in thresholds]
    counts = np.array([cv2.connectedComponentsWithStats(b, connectivity=8)[0] - 1 for b in binaries])
    regions, end = stable_run(counts)
    binary = binaries[end].astype(bool) if regions else np.zeros(scores.shape, bool)
    return Binarized(binary, thresholds[end], regions, counts)


def counts_of(*runs):
    """64 counts from (count, length) pairs, filled up with zeros."""
    counts = [count for count, length in runs for _ in range(length)]
    return np.array(counts + [0] * (64 - len(counts)))


def blocks(*levels, size=8, gap=8, dtype=np.uint8):
    """Square blocks of the given levels side by side on a map of zeros."""
    scores = np.zeros((size + 2 * gap, len(levels) * (size + gap) + gap), dtype)
    for k, level in enumerate(levels):
        x = gap + k * (size + gap)
        scores[gap : gap + size, x : x + size] = level
    return scores


def test_the_search_range_goes_from_the_lowest_to_the_highest_maximum_of_any_map():
    assert SearchRange.over(m.max() for m in (blocks(40, 9), blocks(200, 3), blocks(90, 1))) == SearchRange(40, 200)


def test_thresholds_of_the_full_range_are_every_fourth_level_from_255_to_3():
    assert FULL.thresholds(integers=True).tolist() == list(range(255, 0, -4))


def test_integer_thresholds_are_rounded_down_and_float_ones_are_not():
    search = SearchRange(10, 20)  # sample 251: 10 + 251 * 10 / 255 = 19.843...
    assert search.thresholds(integers=True)[1] == 19
    assert search.thresholds(integers=False)[1] == pytest.approx(19.843137254902)


def test_thresholds_do_not_wrap_around_in_eight_bits():
    # 149 * 250 / 255 = 146.07; in 8 bits the product alone would be 149 * 250 mod 256 = 130
    assert SearchRange(3, 253).thresholds(integers=True)[(255 - 147) // 4] == 3 + 147 * 250 // 255


def test_normalized_scores_are_zero_below_the_range_and_one_at_its_top():
    scores = np.array([[0, 10, 15, 20, 25]], np.float32)
    assert SearchRange(10, 20).normalize(scores).tolist() == [[0, 0, 0.5, 1, 1.5]]
    assert SearchRange(10, 10).normalize(scores).tolist() == [[0, 0, 0, 0, 0]]


def test_a_block_of_six_pixels_keeps_one_pixel_to_the_bottom_right_of_its_centre():
    scores = np.zeros((20, 20), np.uint8)
    scores[8:14, 8:14] = 100
    assert np.argwhere(erode(scores, 6)).tolist() == [[11, 11]]


def test_pixels_outside_the_map_do_not_erode():
    scores = np.zeros((20, 20), np.uint8)
    scores[:6, :6] = 100
    scores[14:, 14:] = 100
    expected = np.zeros((20, 20), np.uint8)
    expected[:4, :4] = 100
    expected[17:, 17:] = 100
    assert np.array_equal(erode(scores, 6), expected)


def test_a_region_narrower_than_the_kernel_vanishes():
    scores = np.zeros((30, 30), np.uint8)
    scores[5:25, 10:15] = 200
    assert not erode(scores, 6).any()
    assert erode(scores, 5).any()


def test_the_kernel_keeps_its_share_of_the_map():
    assert erosion_side(518, 400) == 6
    assert erosion_side(256, 256) == 3
    assert erosion_side(1036, 1036) == 12
    assert erosion_side(20, 20) == 1


def test_regions_that_touch_at_a_corner_are_one():
    scores = np.zeros((6, 6), np.uint8)
    scores[0:3, 0:3] = scores[3:6, 3:6] = 10
    scores[0, 5] = 5
    assert count_regions(scores, np.array([10.0, 9, 5, 4, 0])).tolist() == [0, 1, 1, 2, 2]


def test_the_count_with_the_longest_run_wins_and_its_lowest_threshold_is_taken():
    assert stable_run(counts_of((1, 5), (2, 9), (3, 4))) == (2, 13)


def test_runs_of_zero_and_short_runs_do_not_count():
    assert stable_run(counts_of((0, 20), (1, 3), (2, 4))) == (2, 26)
    assert stable_run(counts_of((0, 20), (1, 3), (2, 3))) == (0, 0)
    assert stable_run(counts_of((1, 3)), min_run=3) == (1, 2)


def test_runs_of_one_count_do_not_add_up():
    assert stable_run(counts_of((1, 6), (2, 7), (1, 6))) == (2, 12)


def test_between_equally_long_runs_of_two_counts_the_first_one_wins():
    assert stable_run(counts_of((3, 5), (1, 5))) == (3, 4)
    assert stable_run(counts_of((2, 4), (1, 6), (2, 6))) == (2, 15)  # 2 qualified first, with a shorter run


def test_between_equally_long_runs_of_one_count_the_lowest_one_wins():
    assert stable_run(counts_of((1, 5), (2, 4), (1, 5))) == (1, 13)


def test_a_run_may_end_at_the_last_sample():
    assert stable_run(np.array([0] * 60 + [7] * 4)) == (7, 63)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_two_blocks_of_a_map_are_found_at_the_lowest_threshold_with_two_regions(dtype):
    # Level 200 alone for 255 - 4k in [100, 200), both blocks below 100, the third one (30) joins below 30.
    found = binarize(blocks(200, 100, 30, dtype=dtype), FULL)
    # Samples below 200: 199, ..., 103 (25 of them, one region), 99, ..., 31 (18, two), 27, ..., 3 (7, three).
    assert found.counts.tolist() == [0] * 14 + [1] * 25 + [2] * 18 + [3] * 7
    assert (found.regions, found.threshold) == (1, 103)
    assert found.binary.sum() == 9  # 8 x 8 less 5 on either axis


def test_without_a_stable_run_the_binary_is_empty():
    assert binarize(np.zeros((20, 20), np.uint8), FULL).threshold == 255
    found = binarize(np.zeros((20, 20), np.float32), FULL)
    assert (found.regions, found.threshold, found.binary.any()) == (0, np.inf, False)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_equal_maxima_give_empty_binaries(dtype):
    scores = blocks(80, 80, dtype=dtype)
    found = binarize(scores, SearchRange.over([scores.max(), scores.max()]))
    assert (found.regions, found.binary.any(), found.counts.any()) == (0, False, False)


def test_float_maps_are_not_quantized():
    # Two blocks so close that 8 bits of the range could not tell them apart.
    scores = blocks(0.500, 0.501, dtype=np.float32)
    found = binarize(scores, SearchRange(0.4999, 0.5011))
    assert set(found.counts.tolist()) == {0, 1, 2}


def test_float_maps_give_what_the_rule_gives_directly():
    rng = np.random.default_rng(0)
    for height, width in ((60, 90), (33, 31)):
        scores = cv2.GaussianBlur(rng.random((height, width)).astype(np.float32), (0, 0), 3)
        search = SearchRange(float(np.quantile(scores, 0.6)), float(scores.max()))
        found, direct = binarize(scores, search, side=3), binarize_directly(scores, search, side=3)
        assert found.regions > 0
        assert found.counts.tolist() == direct.counts.tolist()
        assert (found.regions, found.threshold) == (direct.regions, direct.threshold)
        assert np.array_equal(found.binary, direct.binary)


EDGES = ["constant", "all_constant", "hi_eq_lo", "no_stable_run", "border", "joining"]
PREFIXES = ["", *(f"edge_{edge}_" for edge in EDGES)]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_binaries_are_those_of_the_reference(golden, prefix):
    maps = golden[f"{prefix}maps"]
    search = SearchRange.over(scores.max() for scores in maps)
    assert (search.lo, search.hi) == (golden[f"{prefix}lo"], golden[f"{prefix}hi"])
    for i, scores in enumerate(maps):
        found = binarize(scores, search)
        assert found.counts.tolist() == golden[f"{prefix}counts"][i].tolist()
        assert found.threshold == golden[f"{prefix}threshold"][i]
        assert found.regions == golden[f"{prefix}est_number"][i]
        assert np.array_equal(found.binary * np.uint8(255), golden[f"{prefix}masks"][i])


def test_float_copies_of_8_bit_maps_give_the_binaries_of_the_reference(golden):
    search = SearchRange(float(golden["lo"]), float(golden["hi"]))
    for scores, mask in zip(golden["maps"], golden["masks"], strict=True):
        assert np.array_equal(binarize(scores.astype(np.float32), search).binary, mask > 0)


def test_stable_runs_are_those_of_the_reference(golden):
    assert golden["min_interval_len"] == MIN_RUN
    for counts, (hi, lo), expected in zip(
        golden["seq_counts"], golden["seq_hi_lo"], golden["seq_threshold_est"], strict=True
    ):
        regions, end = stable_run(counts)
        threshold = SearchRange(lo, hi).thresholds(integers=True)[end] if regions else 255
        assert [threshold, regions] == expected.tolist()
