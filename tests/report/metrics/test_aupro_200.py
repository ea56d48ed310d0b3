from pathlib import Path

import numpy as np
import pytest

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import UndefinedError
from adtool.report.metrics import aupro
from adtool.report.metrics.aupro_200 import DEFINITION, compute

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics.npz"


def _pixels(scores, mask):
    return Pixels.of([(np.array(scores, np.float32), np.array(mask, bool))])


@pytest.mark.parametrize("scores", ["a", "b", "c"])  # continuous, few levels, heavy tail
@pytest.mark.parametrize("code", ["dinomaly", "glad"])
@pytest.mark.parametrize("limit_bytes", [2**30, 1])
def test_it_is_what_the_published_codes_give(scores, code, limit_bytes, tmp_path):
    with np.load(GOLDEN) as golden:
        pairs = zip(golden[f"maps_{scores}"], golden["masks"].astype(bool), strict=True)
        found = compute(Pixels.of(pairs, limit_bytes=limit_bytes, folder=tmp_path))
        assert found == pytest.approx(float(golden[f"aupro_{code}_{scores}"]), abs=1e-9)


def test_a_curve_of_three_points_worked_out_by_hand_is_stretched():
    # Of ten normals one is at 2 and one at 1. From 2 on none is marked (FPR 0) and half of the region, from 1 on one
    # (.1) and no more of the region, below two (.2) and all of it: (0, 1/2), (.1, 1/2), (.2, 1), divided by .2.
    scores = [[0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 9, 10, 1, 1]]
    mask = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]]
    assert compute(_pixels(scores, mask)) == pytest.approx((0.1 * 0.5 + 0.1 * 0.75) / 0.2, abs=1e-12)


def test_one_peak_makes_nearly_every_threshold_useless_and_the_exact_area_does_not_care():
    rng = np.random.default_rng(0)
    scores, mask = rng.random((40, 40)), np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    scores[mask] += 0.5
    calm = _pixels(scores, mask)
    scores[10, 10] = 1e4
    peaked = _pixels(scores, mask)
    assert aupro.compute(peaked) == pytest.approx(aupro.compute(calm), abs=0.01)
    assert compute(calm) > 0.6
    assert compute(peaked) == pytest.approx(0.01)  # one pixel of a hundred, above every threshold but the first


def test_equal_scores_have_no_thresholds():
    with pytest.raises(UndefinedError, match="all scores are equal"):
        compute(_pixels(np.ones((3, 3)), np.eye(3)))


def test_it_is_named_as_what_it_is():
    assert DEFINITION.startswith("sampled, to compare with published tables")
