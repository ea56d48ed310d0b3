import numpy as np
import pytest

from adtool.core import arrays, plugins
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import UndefinedError
from adtool.refine.blending import (
    SIDE,
    BlendFigures,
    PaintedTrial,
    PaintedTruth,
    judge,
    least_weight,
    scale_of,
    wins,
)
from adtool_runtime.refining.mixing import Finish, Mixture, ScoreScale, mixed_ranks


def masks(*boxes):
    found = np.zeros((len(boxes), SIDE, SIDE), bool)
    for mask, box in zip(found, boxes, strict=True):
        if box:
            y, x, side = box
            mask[y : y + side, x : x + side] = True
    return found


def trials(given_hits, filtered_hits, count=8):
    """Half painted, half clean; maps find the share of the defects that is asked, over noise."""
    rng = np.random.default_rng(0)
    truth = masks(*[(20 + i, 30, 16) if i % 2 else None for i in range(count)])

    def maps(hits):
        return [(rng.random(mask.shape) + hits * mask).astype(np.float32) for mask in truth]

    return [PaintedTrial(b, f / 2, m) for b, f, m in zip(maps(given_hits), maps(filtered_hits), truth, strict=True)]


def clean():
    return [np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)]


def test_the_scale_makes_the_median_of_clean_maps_0_and_their_99th_percentile_1():
    scale = scale_of([np.arange(101, dtype=np.float32)])
    assert (scale.zero, scale.one) == (50, 99)
    assert scale.apply(np.float32([50, 99])).tolist() == pytest.approx([0, 1])


def test_a_mix_adds_the_probability_in_units_of_clean_parts():
    given, probability = np.float32([[2, 4]]), np.float32([[0, 0.5]])
    assert Mixture(ScoreScale(2, 4), 3.0).of(given, probability).tolist() == [[0, 2.5]]


def test_a_given_weight_is_the_only_one_and_takes_given_maps_as_they_are():
    found = judge(trials(0.5, 1), clean(), weight=2.0)
    assert (found.best_weight, found.mixture.scale) == (2.0, ScoreScale(0, 1))


def test_maps_are_blurred_before_and_after_they_are_mixed_in_proportion_to_their_size():
    point = np.zeros((128, 128), np.float32)
    point[64, 64] = 1
    once = Finish(blur_given=6.0)  # sigma of 3 pixels at this size
    found = Mixture(ScoreScale(0, 1), 0.0, once).of(point, point)
    assert found[64, 64] == pytest.approx(1 / (2 * np.pi * 9), rel=1e-2)
    assert Mixture(ScoreScale(0, 1), 1.0, once).of(point, point)[64, 64] == pytest.approx(1 + found[64, 64])
    twice = Mixture(ScoreScale(0, 1), 0.0, Finish(6.0, 8.0)).of(point, point)  # variances add up: 9 and 16
    assert twice[64, 64] == pytest.approx(1 / (2 * np.pi * 25), rel=1e-2)


def test_an_image_score_is_the_mean_of_so_many_pixels_of_a_map_of_256():
    scores = np.arange(128 * 128, dtype=np.float32).reshape(128, 128)
    assert Finish(top=8).image_score(scores) == pytest.approx(128 * 128 - 1.5)  # a quarter of the pixels: two
    assert Finish(top=1).image_score(scores) == 128 * 128 - 1
    assert Finish().image_score(scores) == arrays.image_score(scores)


def test_ranks_lie_between_0_and_1_whatever_the_scores_are():
    levels = np.float32([-1e6, 0, 1, 1e6])
    found = mixed_ranks(np.float32([[-2e6, 0.5, 2e6]]), np.float32([[0, 1, 1]]), levels)
    assert found.tolist() == [[0, 0.75, 1]]


def test_perfect_maps_have_figures_of_1_and_constant_maps_those_of_chance():
    truth = PaintedTruth(masks((10, 10, 8), (60, 60, 20), None))
    perfect = [mask.astype(np.float32) for mask in masks((10, 10, 8), (60, 60, 20), None)]
    found = truth.figures(perfect)
    assert (found.pixel_ap, found.aupro, found.image_auroc) == pytest.approx((1, 1, 1))
    constant = truth.figures([np.zeros((SIDE, SIDE), np.float32)] * 3)
    assert constant.pixel_ap == pytest.approx((64 + 400) / (3 * SIDE**2))
    assert (constant.aupro, constant.image_auroc) == pytest.approx((0.15, 0.5))  # mean of a straight line to (.3, .3)


def test_regions_count_the_same_whatever_their_size():
    truth = PaintedTruth(masks((10, 10, 4), (40, 40, 40)))
    small_only = [mask.astype(np.float32) for mask in masks((10, 10, 4), None)]
    # half of the regions at no false alarm, then a straight line from (0, .5) to (1, 1)
    assert truth.figures(small_only).aupro == pytest.approx(0.5 + 0.3 * 0.5 / 2)


def test_a_region_that_is_found_at_one_false_alarm_in_ten_is_not_found_before():
    mask = np.zeros((1, 11), bool)
    mask[0, 10] = True
    scores = np.zeros((1, 11), np.float32)
    scores[0, 0], scores[0, 10] = 2, 1  # one of ten normal pixels lies above: nothing, then all, at the same rate of .1
    assert PaintedTruth([mask]).figures([scores]).aupro == pytest.approx((0.3 - 0.1) / 0.3)


def test_refine_and_the_report_measure_the_same():
    rng = np.random.default_rng(0)
    truth = list(masks((10, 10, 4), (40, 40, 40), None))
    maps = [rng.integers(0, 9, mask.shape).astype(np.float32) + 3 * mask for mask in truth]  # many equal scores
    found, pixels = PaintedTruth(truth).figures(maps), Pixels.of(zip(maps, truth, strict=True))
    report = {name: plugins.load("report.metrics", name).compute(pixels) for name in ("aupro", "pixel_ap")}
    assert (found.aupro, found.pixel_ap) == (report["aupro"], report["pixel_ap"])


def test_painted_images_without_a_defect_can_not_be_judged():
    with pytest.raises(UndefinedError, match="no defect pixels"):
        judge([one for one in trials(1.0, 2.0) if not one.mask.any()], clean())


def test_a_better_filter_is_taken_and_a_worse_one_is_not():
    better = judge(trials(0.3, 3.0), clean())
    assert better.mixture.weight > 0
    assert better.best.pixel_ap > better.given.pixel_ap + 0.1
    worse = judge(trials(3.0, 0.0), clean())
    assert worse.mixture.weight == 0


@pytest.mark.parametrize(("enough", "taken"), [(0.5, 0.3), (0.8, 1.0), (0.9, 2.0), (1.0, 3.0)])
def test_the_least_weight_is_taken_whose_gain_of_both_figures_reaches_the_share_of_the_best(enough, taken):
    before = BlendFigures(0.5, 0.8, None)  # gains: .06, .085, .091, .10 and .095
    gained = {0.3: (0.06, 0.0), 1.0: (0.075, 0.01), 2.0: (0.091, 0.0), 3.0: (0.11, -0.01), 5.0: (0.095, 0.0)}
    tried = {weight: BlendFigures(0.5 + ap, 0.8 + pro, None) for weight, (ap, pro) in gained.items()}
    assert least_weight(before, tried, enough) == taken


def test_where_no_weight_gains_the_one_that_loses_least_is_taken():
    before = BlendFigures(0.5, 0.8, None)
    tried = {0.3: BlendFigures(0.48, 0.8, None), 1.0: BlendFigures(0.49, 0.8, None), 2.0: BlendFigures(0.4, 0.8, None)}
    assert least_weight(before, tried) == 1.0


@pytest.mark.parametrize(("ap", "pro", "better"), [(0.51, 0.8, True), (0.5, 0.9, False), (0.6, 0.79, False)])
def test_a_mix_wins_with_a_higher_pixel_ap_and_no_lower_aupro(ap, pro, better):
    assert wins(BlendFigures(0.5, 0.8, None), BlendFigures(ap, pro, None)) == better


def test_without_clean_images_there_is_no_image_figure():
    found = judge([one for one in trials(1.0, 2.0) if one.mask.any()], clean())
    assert found.given.image_auroc is None


def test_constant_maps_are_judged():
    flat = [PaintedTrial(np.ones_like(one.given), one.probability, one.mask) for one in trials(0.0, 3.0)]
    found = judge(flat, [np.ones((SIDE, SIDE), np.float32)])
    assert found.mixture.weight > 0
    assert np.isfinite(found.mixture.of(flat[0].given, flat[0].probability)).all()
