"""How many good parts will lie above a limit."""

import numpy as np
import pytest

from adtool.core.limits import tail
from adtool.core.limits.tail import Expected, Tail


def fitted(scores) -> Tail:
    return tail.fit(list(map(float, scores)), [str(i) for i in range(len(scores))])


def test_one_of_nine_lies_above_the_highest_of_nine_in_ten():
    # Nine scores part ten gaps, each as likely as the others for the next score.
    found = fitted(range(1, 10))
    assert found.limit_at(0.1) == pytest.approx(9)
    assert found.limit_at(0.15) == pytest.approx(8.5)
    assert found.expected(8.5).rate == pytest.approx(0.15)


@pytest.mark.parametrize("rate", [0.0005, 0.004, 0.02, 0.07, 0.3])
def test_what_is_expected_of_a_limit_is_what_was_asked_for(rate):
    found = fitted(np.random.default_rng(0).gamma(3.0, size=120))
    expected = found.expected(found.limit_at(rate))
    assert expected.rate == pytest.approx(rate)
    assert 0 <= expected.low <= rate <= expected.high <= 1


def test_a_higher_limit_never_lets_more_through():
    found = fitted(np.random.default_rng(1).normal(size=40))
    expected = [found.expected(limit).rate for limit in np.linspace(-4, 8, 200)]
    assert all(np.diff(expected) <= 0)


def test_few_good_parts_leave_a_wide_interval():
    few, many = (fitted(np.random.default_rng(2).normal(size=count)) for count in (10, 1000))
    assert few.expected(few.limit_at(0.01)).high > 0.2 > 0.02 > many.expected(many.limit_at(0.01)).high


def test_near_duplicates_say_as_much_as_one():
    scores = np.random.default_rng(3).normal(size=20)
    once = fitted(scores)
    twice = tail.fit(np.repeat(scores, 2).tolist(), [str(i // 2) for i in range(40)])
    assert twice.expected(2.0).high == pytest.approx(once.expected(2.0).high, rel=0.1)


def test_one_odd_part_does_not_set_the_limit():
    scores = np.random.default_rng(4).normal(10, 1, size=54)
    plain, odd = fitted(scores), fitted([*scores, 100.0])
    assert odd.outliers == [54]
    assert not plain.outliers
    assert abs(odd.limit_at(0.03) - plain.limit_at(0.03)) < tail.width(scores)


def test_two_scores_are_enough_for_something():
    found = fitted([1.0, 2.0])
    assert found.limit_at(0.01) > 2
    assert isinstance(found.expected(1.5), Expected)
