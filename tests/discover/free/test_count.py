import numpy as np
import pytest

from adtool.discover.free import count


@pytest.fixture
def few_draws(monkeypatch):
    """Each takes a tenth of a second."""
    monkeypatch.setattr(count, "DRAWS", 6)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def heaps(rng, corners, each=15, spread=0.05):
    return np.concatenate([rng.normal(corner, spread, (each, len(corner))) for corner in corners])


CORNERS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [3, 4, 5])
def test_the_number_of_kinds_is_found_where_they_are_clear(rng, kinds):
    found = count.estimate(heaps(rng, CORNERS[:kinds]), rng)
    assert found.count == kinds
    assert abs(found.runner_up - kinds) == 1
    assert found.stability > 0.95


def test_a_single_heap_has_no_stable_clusters(rng, few_draws):
    found = count.estimate(heaps(rng, CORNERS[:1], each=60, spread=0.3), rng)
    assert found.count <= 3
    assert found.stability < 0.9


def test_too_few_images_to_choose_are_one_kind(rng):
    assert count.estimate(np.eye(6), rng) == count.Estimate(1, 1, 1.0, 1.0, {}, {1: 1.0}, 1, 1)
    assert count.estimate(np.zeros((0, 3)), rng).count == 1


@pytest.mark.slow
def test_the_same_seed_estimates_the_same(few_draws):
    points = heaps(np.random.default_rng(1), CORNERS[:4], spread=0.4)
    first, second = (count.estimate(points, np.random.default_rng(7)) for _ in range(2))
    assert first == second
    assert 0 < first.votes <= 1


def test_equal_points_are_no_error(rng, few_draws):
    assert count.estimate(np.ones((40, 3)), rng).count == 2


def test_the_fewest_kinds_with_most_of_the_gain_are_taken_not_the_best_number():
    assert count._fewest(np.array([-9.0, -8.6, -8.3, -8.0])) == 2  # gains 0, .4, .7 and 1
    assert count._fewest(np.array([-9.0, -8.3, -8.5, -8.0])) == 1
    assert count._fewest(np.array([-8.0, -9.0, -9.5])) == 0


def test_the_number_lies_between_those_of_all_images_and_of_few():
    rising, flat = np.array([-9.0, -8.9, -8.8, -8.7, -8.0]), np.array([-9.0, -8.0, -7.9])
    assert count._between(rising, flat[:2]) == 2  # places 4 and 1, the latter twice: the third of 6
    assert count._between(rising, flat) == 3  # places 4 and 2: the third of 8, and 3 is the nearest
    assert count._between(flat, flat) == 2  # 1 of all, which has most of the gain, and 2 of few, the best: 5 / 3


def test_kinds_are_counted_on_three_main_axes(rng):
    points = rng.normal(size=(50, 12)) * np.array([9, 7, 5, *[0.1] * 9])
    axes = count._on_main_axes(points)
    assert axes.shape == (50, 3)
    assert np.sqrt((axes**2).mean(axis=0)) == pytest.approx([9, 7, 5], rel=0.3)


def test_the_range_is_the_shortest_around_the_number_that_four_of_five_draws_agree_on():
    tried = [2, 3, 4, 5, 6]
    votes = np.array([0.05, 0.3, 0.4, 0.15, 0.1])
    assert count._range(tried, votes, 2) == (3, 5)
    assert count._range(tried, np.array([0.1, 0.05, 0.85, 0, 0]), 2) == (4, 4)
    assert count._range(tried, np.array([0.5, 0.3, 0.1, 0.1, 0]), 1) == (2, 3)
