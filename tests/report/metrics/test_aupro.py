from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import UndefinedError
from adtool.report.metrics import aupro, aupro_005
from adtool.report.metrics.aupro import MAX_FPR, compute

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics.npz"
MASK = np.array([[1, 0, 0, 0, 0], [0, 0, 1, 1, 1]], dtype=bool)  # regions of 1 and 3 pixels


def _pixels(scores: np.ndarray, mask: np.ndarray = MASK) -> Pixels:
    return Pixels.of([(scores.astype(np.float32), mask)])


@pytest.mark.parametrize("found", [[0], [7, 8, 9]])
def test_small_and_large_regions_count_the_same(found):
    scores = np.isin(np.arange(10).reshape(2, 5), found)
    # One region of two found at no false positive; all other pixels tie, so the rest of the
    # curve is the straight line from (0, 1/2) to (1, 1).
    expected = (0.5 + (0.5 + 0.5 * MAX_FPR)) / 2
    assert compute(_pixels(scores)) == pytest.approx(expected)


def test_part_of_a_region_counts_by_its_share_of_the_area():
    scores = np.isin(np.arange(10).reshape(2, 5), [0, 7])  # all of the small region, a third of the large one
    start = (1 + 1 / 3) / 2
    assert compute(_pixels(scores)) == pytest.approx((start + (start + (1 - start) * MAX_FPR)) / 2)


def test_normal_pixels_above_a_region_push_it_to_the_right():
    mask = np.zeros((1, 11), bool)
    mask[0, 10] = True
    scores = np.zeros((1, 11))
    scores[0, :2] = 2  # two of ten normal pixels lie above the defect: it is found at FPR 0.2
    scores[0, 10] = 1
    assert compute(_pixels(scores, mask)) == pytest.approx((0.3 - 0.2) / 0.3)
    assert compute(_pixels(scores, mask), 0.2) == pytest.approx(0)


@pytest.mark.parametrize("max_fpr", [0.05, 0.3, 1.0])
def test_a_perfect_map_gives_one_and_a_constant_one_half_the_limit(max_fpr):
    assert compute(_pixels(MASK), max_fpr) == pytest.approx(1)
    assert compute(_pixels(np.full(MASK.shape, 7.0)), max_fpr) == pytest.approx(max_fpr / 2)


@pytest.mark.parametrize("max_fpr", [0.05, 0.3])
def test_an_inverted_map_gives_zero(max_fpr):
    assert compute(_pixels(~MASK), max_fpr) == 0


def test_one_region_and_no_limit_give_the_pixel_auroc():
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 20), bool)
    mask[3:9, 4:8] = True
    scores = rng.integers(0, 30, mask.shape)
    defects, normals = scores[mask][:, None], scores[~mask][None]
    won = (defects > normals).mean() + (defects == normals).mean() / 2
    assert compute(_pixels(scores, mask), 1.0) == pytest.approx(won)


def test_a_strictly_increasing_change_of_the_scores_changes_nothing():
    scores = np.random.default_rng(1).normal(size=MASK.shape)
    assert compute(_pixels(scores)) == compute(_pixels(100 + 5 * scores))


def _swept(images: list[tuple[np.ndarray, np.ndarray]], regions: list[np.ndarray], limit: float) -> float:
    """The same area by trying every distinct score as threshold and drawing the curve."""
    levels = np.unique(np.concatenate([scores.ravel() for scores, _ in images]))[::-1]
    normals = np.concatenate([scores[~mask] for scores, mask in images])
    points = [(0.0, 0.0)]
    points += [((normals >= t).mean(), float(np.mean([(r >= t).mean() for r in regions]))) for t in levels]
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        end = min(x1, limit)
        if end > x0:
            area += (end - x0) * (y0 + (y0 + (y1 - y0) * (end - x0) / (x1 - x0))) / 2
    return area / limit


@pytest.mark.parametrize("levels", [5, 10_000])
def test_the_area_equals_a_sweep_over_all_thresholds_for_images_of_several_sizes(levels):
    rng = np.random.default_rng(levels)
    images, regions = [], []
    for height, width in [(12, 9), (7, 15), (10, 10)]:
        mask = np.zeros((height, width), bool)
        mask[1:3, 2:7] = mask[5:, -2:] = True
        scores = (rng.integers(0, levels, mask.shape) + mask * levels / 4).astype(np.float32)
        images.append((scores, mask))
        regions += [scores[1:3, 2:7], scores[5:, -2:]]
    for limit in (0.05, 0.3, 1.0):
        assert compute(Pixels.of(images), limit) == pytest.approx(_swept(images, regions, limit), abs=1e-12)


@pytest.mark.parametrize("scores", ["a", "b", "c"])  # continuous, few levels, heavy tail
def test_the_area_equals_the_golden_brute_force(scores):
    with np.load(GOLDEN) as golden:
        pixels = Pixels.of(zip(golden[f"maps_{scores}"], golden["masks"].astype(bool), strict=True))
        assert pixels.n_regions == golden["n_regions_8conn"]
        found = [aupro.compute(pixels), aupro_005.compute(pixels), aupro.compute(pixels, 1.0)]
        assert found == pytest.approx(golden[f"aupro_exact_{scores}"].tolist(), abs=1e-9)


@pytest.mark.parametrize(("mask", "reason"), [(MASK & False, "no defect pixels"), (MASK | True, "no normal pixels")])
def test_without_both_kinds_of_pixels_the_reason_is_given(mask, reason):
    with pytest.raises(UndefinedError, match=reason):
        compute(_pixels(np.zeros(mask.shape), mask))


def test_the_second_limit_is_named_in_its_definition():
    assert "0.05" in aupro_005.DEFINITION
    assert "0.3" not in aupro_005.DEFINITION
