import numpy as np
import pytest

from adtool.inspect import alarms


def test_groups_are_told_from_single_ones():
    points = np.array([[0, 0], [0.1, 0], [0, 0.1], [1, 1], [5, 5], [5.1, 5]])
    found = alarms.groups(points, reach=0.5, least=2)
    assert [group.tolist() for group in found] == [[0, 1, 2], [4, 5]]
    assert [group.tolist() for group in alarms.groups(points, reach=0.5, least=3)] == [[0, 1, 2]]
    assert alarms.groups(points[:1], reach=0.5, least=2) == []


def test_the_same_scores_are_no_drift_and_higher_ones_are():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=100).tolist()
    assert alarms.drift(rng.normal(size=100).tolist(), normal, None) is None
    found = alarms.drift((rng.normal(size=100) + 1).tolist(), normal, None)
    assert found is not None
    assert found.higher > 0.65
    assert found.accepted - found.normal > 0.5
    lower = alarms.drift((rng.normal(size=100) - 1).tolist(), normal, None)
    assert lower is not None
    assert lower.higher < 0.35


def test_few_images_tell_nothing():
    assert alarms.drift([10.0] * 19, list(np.linspace(0, 1, 100)), None) is None
    assert alarms.drift([10.0] * 100, list(np.linspace(0, 1, 19)), None) is None


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_said():
    rng = np.random.default_rng(1)
    alarmed = sum(alarms.drift(rng.random(60).tolist(), rng.random(60).tolist(), None) is not None for _ in range(1000))
    assert alarmed <= 5  # of a thousand; 1 is expected


def test_a_difference_that_does_not_matter_is_no_drift_however_many_images_show_it():
    rng = np.random.default_rng(2)
    assert alarms.drift((rng.normal(size=20_000) + 0.2).tolist(), rng.normal(size=20_000).tolist(), None) is None


def test_normal_images_above_the_threshold_do_not_count():
    normal = [*np.linspace(0, 1, 30), *np.linspace(2, 3, 30)]  # half of them would not be accepted
    assert alarms.drift(list(np.linspace(0, 1, 60)), normal, None) is not None
    assert alarms.drift(list(np.linspace(0, 1, 60)), normal, 1.5) is None


def test_a_batch_is_perhaps_new_where_its_anomalies_lie_far_out_together():
    rng = np.random.default_rng(0)
    assert alarms.is_new(np.full(10, 0.8))
    assert not alarms.is_new(np.full(10, 0.79))
    assert not alarms.is_new(np.full(4, 1.0))
    assert not alarms.is_new(np.full(5, 0.9))  # of five the mean varies more
    assert alarms.is_new(np.full(5, 0.95))
    usual = sum(alarms.is_new(rng.random(size)) for size in rng.integers(5, 60, 2000))
    assert usual <= 10  # of 2000
