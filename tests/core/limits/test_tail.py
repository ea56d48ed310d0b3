"""How many good parts will lie above a limit."""

import numpy as np
import pytest

from adtool.core.limits import tail
from adtool.core.limits.tail import Tail


def fitted(scores) -> Tail:
    return tail.fit(list(map(float, scores)), [str(i) for i in range(len(scores))])


def test_in_the_body_the_share_above_is_counted():
    # Nine scores part ten gaps, each as likely as the others for the next score.
    found = fitted(range(1, 10))
    assert found.limit_at(0.6) == pytest.approx(4)
    assert found.limit_at(0.55) == pytest.approx(4.5)
    assert found.expected(4.5).rate == pytest.approx(0.55)


def test_the_tail_is_an_exponential_one_whose_steepness_is_not_quite_known():
    # Of twelve scores half are above 6: 1 to 5 and something above 5 higher, which makes 20 of five known ones.
    found = fitted([*range(1, 9), 9, 10, 11, 30])
    for limit in (6.0, 11.0, 17.0, 80.0):
        assert found.expected(limit).rate == pytest.approx(7 / 13 * (1 + (limit - 6) / 20) ** -5)
    assert found.limit_at(7 / 13 * 1.5**-5) == pytest.approx(6 + 10)


@pytest.mark.parametrize("rate", [0.002, 0.004, 0.02, 0.07, 0.3])
def test_what_is_expected_of_a_limit_is_what_was_asked_for(rate):
    found = fitted(np.random.default_rng(0).gamma(3.0, size=120))
    expected = found.expected(found.limit_at(rate))
    assert expected.rate == pytest.approx(rate)
    assert 0 <= expected.low <= rate <= expected.high <= 1


def test_so_few_parts_do_not_tell_of_rare_false_alarms():
    found = fitted([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.limit_at(1e-9) == found.limit_at(0.01) < 15, "such a limit would find nothing"
    assert found.expected(found.limit_at(0.01)).rate == pytest.approx(0.04), "a quarter of a part in six"


def test_a_higher_limit_never_lets_more_through():
    found = fitted(np.random.default_rng(1).normal(size=40))
    expected = [found.expected(limit).rate for limit in np.linspace(-4, 8, 200)]
    assert all(np.diff(expected) <= 0)


def test_few_good_parts_leave_a_wide_interval():
    few, many = (fitted(np.random.default_rng(2).normal(size=count)) for count in (10, 1000))
    assert few.expected(few.limit_at(0.01)).high > 0.14 > 0.02 > many.expected(many.limit_at(0.01)).high


@pytest.mark.parametrize("count", [5, 20, 50, 200])
@pytest.mark.parametrize("drawn", ["normal", "lognormal", "exponential"])
def test_the_share_rejected_is_in_the_mean_what_was_asked_for_and_lies_in_the_interval(drawn, count):
    rng = np.random.default_rng(5)
    others = np.sort(getattr(rng, drawn)(size=20_000))
    seen, inside = [], []
    for _ in range(50):
        found = fitted(rng.choice(others, count))
        limit = found.limit_at(0.05)
        expected = found.expected(limit)
        seen.append(1 - np.searchsorted(others, limit, side="right") / len(others))
        inside.append(expected.low <= seen[-1] <= expected.high)
    assert 0.02 < np.mean(seen) < 0.08
    assert np.mean(inside) > 0.8


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.4])
def test_other_units_change_nothing(rate):
    scores = np.random.default_rng(6).gamma(3.0, size=40)
    plain, other = fitted(scores), fitted(scores * 100 - 7)
    assert other.limit_at(rate) == pytest.approx(plain.limit_at(rate) * 100 - 7)
    assert other.expected(3 * 100 - 7).high == pytest.approx(plain.expected(3).high)


def test_scores_that_are_alike_make_no_tail():
    found = fitted([1.0] * 30 + [2.0])
    assert found.limit_at(0.2) == 1, "only what is above the limit is rejected"
    assert found.expected(1.0).rate == pytest.approx(2 / 32)


def test_ties_count_as_often_as_they_are_there():
    found = fitted([1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0])
    shares = [found.expected(limit).rate for limit in (0.5, 1, 2, 2.001, 3, 4, 5, 6)]
    assert shares == sorted(shares, reverse=True)
    assert found.expected(2.0).rate == pytest.approx(7 / 11)


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
    assert odd.limit_at(0.05) == plain.limit_at(0.05)


@pytest.mark.parametrize("above", [0, 0.5, 2, 5, 8, 11, 100])
@pytest.mark.parametrize("drawn", ["normal", "exponential"])
def test_however_high_one_part_scores_it_moves_the_limit_by_less_than_their_spread(drawn, above):
    for seed in range(8):
        scores = getattr(np.random.default_rng(seed), drawn)(size=54)
        moved = fitted([*scores, scores.max() + above]).limit_at(0.05) - fitted(scores).limit_at(0.05)
        assert abs(moved) < tail.width(scores)


def test_odd_parts_do_not_hide_each_other():
    scores = np.random.default_rng(7).normal(10, 1, size=54)
    assert fitted([*scores, 40.0, 41.0, 42.0]).outliers == [54, 55, 56]


def test_two_parts_are_odd_where_one_may_be_chance():
    scores = np.random.default_rng(7).normal(10, 1, size=54)
    high = next(one for one in np.arange(30, 10, -0.1) if not fitted([*scores, one]).outliers)
    assert fitted([*scores, high, high]).outliers == [54, 55]


def test_a_skewed_distribution_is_not_odd():
    assert not any(fitted(np.random.default_rng(seed).lognormal(3, 0.4, 100)).outliers for seed in range(20))


@pytest.mark.parametrize("scores", [[3.0], [3.0, 3.0], [1.0, 2.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0, 4.0]])
def test_a_few_scores_are_enough_for_something(scores):
    found = fitted(scores)
    expected = found.expected(found.limit_at(0.01))
    assert max(scores) <= found.limit_at(0.01) < 20
    assert 0 <= expected.low <= expected.rate <= expected.high <= 1
    assert expected.high > 0.3
