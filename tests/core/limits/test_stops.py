import numpy as np
import pytest

from adtool.core.limits.stops import stops


def test_there_is_one_in_each_gap_with_few_digits_and_the_one_in_force_as_it_is():
    assert stops([1.0, 2.0, 4.0], 2.125, 99) == [0.97, 1.5, 2.125, 4.0]
    assert stops([1.0, 2.0, 4.0], None, 99)[:3] == [0.97, 1.5, 3.0]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 3e5])
def test_each_decides_differently_from_none_to_all(scale):
    scores = np.random.default_rng(0).normal(size=50) * scale
    found = stops(scores.tolist(), float(scores[7]), 999)
    assert [int(np.sum(scores > one)) for one in found] == list(range(50, -1, -1))


@pytest.mark.parametrize("now", [-1e9, 1.0, 5.0, 1e9, None])
def test_scores_that_are_all_the_same_leave_two(now):
    found = stops([5.0, 5.0], now, 99)
    assert [sum(one < 5.0 for _ in range(2)) for one in found] == [2, 0]
    assert now in (None, *found)
    assert found == sorted(found)


def test_neighbours_that_no_number_fits_between_are_told_apart():
    low = 0.1
    high = np.nextafter(low, 1)
    assert low in stops([low, float(high)], None, 99)


@pytest.mark.parametrize("now", [0.0, 500.0, 5e9, None])
def test_of_too_many_those_near_the_limit_in_force_are_all_there(now):
    scores = [float(i) for i in range(5000)]
    found = stops(scores, now, 100)
    assert len(found) <= 102
    assert found == sorted(found)
    assert [sum(one > end for one in scores) for end in (found[0], found[-1])] == [5000, 0]
    if now is not None:
        place = found.index(now)
        assert {sum(one > limit for one in scores) for limit in found[max(0, place - 5) : place + 6]} >= {
            max(0, min(5000, sum(one > now for one in scores) + step)) for step in range(-5, 6)
        }
