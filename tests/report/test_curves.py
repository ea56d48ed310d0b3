from dataclasses import replace

import numpy as np
import pytest

from adtool.metrics import ranking
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores, Ranking
from adtool.report import curves
from adtool.report.metrics import aupro


def _ranking(defects: list[float], normals: list[float]) -> Ranking:
    return Ranking.of(np.array(sorted(defects)), np.array(sorted(normals)), unit="images")


def _points(curve: curves.Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x.tolist(), curve.y.tolist(), strict=True))


def _area(x: np.ndarray, y: np.ndarray) -> float:
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def _maps(rng: np.random.Generator) -> Pixels:
    mask = np.zeros((40, 60), bool)
    mask[5:9, 5:30] = mask[20:22, 10:12] = mask[30:39, 40:58] = True
    noise = rng.normal(size=mask.shape) + mask
    return Pixels.of([(np.round(noise, 2).astype(np.float32), mask), (noise.astype(np.float32), ~mask & False)])


def test_roc_goes_up_for_defects_right_for_normals_and_slants_for_ties():
    # By falling score: a defect; a defect and a normal of the same score; a normal.
    found = curves.roc(_ranking([3, 2], [2, 1]))
    assert _points(found) == [(0, 0), (0, 0), (0, 0.5), (0, 0.5), (0.5, 1), (1, 1)]


def test_precision_recall_has_a_point_for_each_score_of_a_defect():
    # 3: 1 of 1 rejected is a defect. 2: 2 of 3.
    assert _points(curves.precision_recall(_ranking([3, 2], [2, 1]))) == [(0, 1), (0.5, 1), (1, pytest.approx(2 / 3))]


def test_a_small_region_weighs_as_much_as_a_large_one_in_the_pro_curve():
    mask = np.array([[1, 0, 0, 0, 0], [0, 0, 1, 1, 1]], dtype=bool)  # regions of 1 and 3 pixels
    found_small = np.where(np.arange(10).reshape(2, 5) == 0, 1.0, 0.0).astype(np.float32)
    found = curves.per_region_overlap(Pixels.of([(found_small, mask)]))
    assert (0, 0.5) in _points(found)
    assert _points(found)[-1] == (1, pytest.approx(1))


def test_the_areas_under_the_curves_are_the_metrics():
    pixels = _maps(np.random.default_rng(0))
    roc = curves.roc(pixels.ranking)
    assert _area(roc.x, roc.y) == pytest.approx(ranking.auroc(pixels.ranking), abs=2e-3)
    pro = curves.per_region_overlap(pixels)
    x = np.linspace(0, aupro.MAX_FPR, 10_001)
    area = _area(x, np.interp(x, pro.x, pro.y)) / aupro.MAX_FPR
    assert area == pytest.approx(aupro.compute(pixels), abs=5e-3)


def test_a_thinned_curve_keeps_its_ends_and_stays_close():
    x = np.linspace(0, 1, 100_000)
    thin = curves._thin(x, np.sqrt(x), points=100)
    assert thin.x.size <= 101
    assert (thin.x[0], thin.x[-1], thin.y[-1]) == (0, 1, 1)
    assert np.abs(np.interp(x, thin.x, thin.y) - np.sqrt(x)).max() < 2 / 100


def test_missing_labels_are_given_as_the_reason():
    pixels = Pixels.of([(np.ones((2, 2), np.float32), np.zeros((2, 2), bool))])
    found = curves.draw(ImageScores(np.array([1.0]), np.array([True])), pixels)
    assert found.of == {}
    assert found.unless == {
        "image": "they need good and defective images, and there are no good ones",
        "pixel": "they need good and defective pixels, and there are no defective ones",
    }


def test_a_curve_that_is_drawn_in_parts_is_the_same_line():
    rng = np.random.default_rng(0)
    masks = [rng.random((40, 40)) < 0.3 for _ in range(3)]
    pixels = Pixels.of((rng.normal(2.0 * mask, 1).astype(np.float32), mask) for mask in masks)
    images = ImageScores(np.array([1.0, 2.0]), np.array([False, True]))
    whole, parts = (curves.draw(images, one).of for one in (pixels, replace(pixels, at_once=300)))
    assert whole.keys() == parts.keys()
    at = np.linspace(0.01, 0.99, 50)
    for name, one in parts.items():
        assert (np.diff(one.x) >= 0).all()
        assert (one.x[0], one.y[0], one.x[-1], one.y[-1]) == pytest.approx(
            (whole[name].x[0], whole[name].y[0], whole[name].x[-1], whole[name].y[-1])
        )
        assert np.interp(at, one.x, one.y) == pytest.approx(np.interp(at, whole[name].x, whole[name].y), abs=0.01)
