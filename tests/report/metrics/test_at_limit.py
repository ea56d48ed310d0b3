"""found_at_limit false_alarms_at_limit balanced_accuracy f1_at_limit balanced_accuracy_oracle, by hand."""

import numpy as np
import pytest

from adtool.metrics.ranking import ImageScores, UndefinedError
from adtool.report.metrics import (
    balanced_accuracy,
    balanced_accuracy_oracle,
    f1_at_limit,
    false_alarms_at_limit,
    found_at_limit,
)

AT_LIMIT = (found_at_limit, false_alarms_at_limit, balanced_accuracy, f1_at_limit)


def images(good: list[float], defective: list[float], limit: float | None) -> ImageScores:
    truth = [False] * len(good) + [True] * len(defective)
    return ImageScores(np.array([*good, *defective], dtype=np.float64), np.array(truth), limit)


@pytest.mark.parametrize(
    ("limit", "found", "alarms", "f1"),
    [
        (5.0, 2 / 3, 1 / 4, 4 / (2 + 1 + 3)),  # what scores the limit itself is accepted
        (4.9, 1, 1 / 4, 6 / (3 + 1 + 3)),
        (0.0, 1, 1, 6 / (3 + 4 + 3)),
        (99.0, 0, 0, 0),
    ],
)
def test_decisions_are_counted_above_the_limit(limit, found, alarms, f1):
    values = [metric.compute(images([1, 2, 3, 6], [5, 7, 9], limit)) for metric in AT_LIMIT]
    assert values == pytest.approx([found, alarms, (found + 1 - alarms) / 2, f1])


def test_the_oracle_is_the_best_of_all_limits():
    # Above 3: all three defects, one of four normals. Above 6: two of three, and no normal.
    assert balanced_accuracy_oracle.compute(images([1, 2, 3, 6], [5, 7, 9], None)) == pytest.approx((1 + 3 / 4) / 2)
    assert balanced_accuracy_oracle.compute(images([5, 6], [1], None)) == 0.5  # rejecting nothing


def test_the_oracle_is_never_below_any_limit():
    rng = np.random.default_rng(0)
    good, defective = rng.integers(0, 9, 20).tolist(), rng.integers(3, 12, 15).tolist()  # with ties
    best = balanced_accuracy_oracle.compute(images(good, defective, None))
    tried = [balanced_accuracy.compute(images(good, defective, limit)) for limit in np.arange(-1, 13, 0.5)]
    assert max(tried) == pytest.approx(best)


@pytest.mark.parametrize("metric", AT_LIMIT)
def test_without_a_limit_nothing_is_computed(metric):
    with pytest.raises(UndefinedError, match="no limit"):
        metric.compute(images([1], [2], None))


def test_shares_need_only_the_parts_that_they_are_shares_of():
    assert found_at_limit.compute(images([], [1, 3], 2)) == 0.5
    assert false_alarms_at_limit.compute(images([1, 3], [], 2)) == 0.5
    with pytest.raises(UndefinedError, match="no defect images"):
        balanced_accuracy.compute(images([1], [], 2))
    with pytest.raises(UndefinedError, match="no normal images"):
        f1_at_limit.compute(images([], [1], 2))
