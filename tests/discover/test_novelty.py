from types import SimpleNamespace

import numpy as np
import pytest

from adtool.discover import novelty
from adtool.discover.free import cluster
from adtool.discover.predict import StoredClasses
from adtool_runtime.classes import placing, vectors
from adtool_runtime.classes.placing import Described, Embedding
from adtool_runtime.classes.traits import DescriptorScaling


def test_distances_are_those_from_the_middle_of_the_others():
    points = np.array([[0.0, 0], [2, 0], [1, 3], [9, 9], [9, 9.5]])
    labels = np.array([0, 0, 0, 1, 1])
    apart = novelty.from_others(vectors.distances(points, cluster.centres(points, labels, 2)), labels)
    assert apart[0, 0] == pytest.approx(np.hypot(1.5, 1.5))  # from the middle of the second and the third
    assert apart[3, 1] == pytest.approx(0.5)  # from the fifth
    assert apart[3, 0] == pytest.approx(np.hypot(8, 8))  # from another class as it is


def test_a_class_of_one_image_has_a_finite_distance():
    assert novelty.from_others(np.array([[0.0, 2.0]]), np.array([0])).tolist() == [[0, 2]]


def test_the_limit_lets_the_asked_share_through():
    values = np.arange(100) / 10
    assert (values > novelty.limit(values, 0.05)).sum() == 5
    assert novelty.limit(values, 0) == np.inf


def test_of_few_images_the_limit_does_not_hang_on_the_farthest():
    """Above the median of 2 lie 3 and 5, by 1 and 3: a root mean square of the root of 5."""
    values = np.array([0.0, 1, 2, 3, 5])
    assert novelty.limit(values, 0.02) == pytest.approx(2 + 2.0537 * 5**0.5, abs=1e-3)
    assert novelty.limit(values, 0.5) == 2  # of two and a half images there is a quantile
    assert novelty.limit(np.ones(5), 0.02) == 1


def test_unknown_images_are_compared_in_the_unit_of_their_points():
    """The trained method's distances are 1 - cosine, and its points have length 1."""
    one, other = np.array([1.0, 0.0]), np.array([0.98, np.sqrt(1 - 0.98**2)])
    known = StoredClasses(None, SimpleNamespace(method="trained"), {})
    assert known.reach(1 - one @ other) == pytest.approx(np.linalg.norm(one - other))
    assert StoredClasses(None, SimpleNamespace(method="free"), {}).reach(0.7) == 0.7


def test_what_is_remembered_says_how_far_each_lies_from_its_nearest_other():
    points = np.array([[0.0, 0], [0, 3], [4, 3], [4, 3.5], [9, 3.5]])
    stored = novelty.remembered(points, np.ones(5), close=False)
    assert stored["nearest"].tolist() == [3, 3, 0.5, 0.5, 5]
    assert novelty.away(np.array([[0.0, 1], [4, 3]]), np.ones(2), stored).tolist() == [1, 0]
    assert novelty.ranks(np.array([0.1, 4, 6]), stored).tolist() == [0.5 / 6, 4.5 / 6, 5.5 / 6]


def test_a_picture_that_is_there_several_times_says_no_more_than_once():
    stored = {"nearest": np.array([1.0, 2, 3])}
    assert novelty.ranks(np.array([2.5, 9, 2.5, 2.5000000001]), stored).tolist() == [2.5 / 4, 3.5 / 4]


def test_few_anomalies_are_not_remembered_and_of_many_some_spread_evenly(monkeypatch):
    points = np.arange(20.0)[:, None]
    assert novelty.remembered(points[:4], np.ones(4), close=False) == {}
    monkeypatch.setattr(novelty, "MOST", 8)
    stored = novelty.remembered(points, np.arange(20.0), close=True)
    assert stored["known_clear"].ravel().tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert stored["nearest"].tolist() == [0, 9, 18, 27, 36, 45, 54]  # 3 away from the next, times 0, 3, 6, ...


def test_a_clear_anomaly_is_new_sooner_than_a_faint_one_at_the_same_place():
    strength = placing.Strength(2.0, 0.1)
    assert strength.clearness(np.array([2.0, 64, 1])) == pytest.approx([1, 2, 1])  # the fifth root of score / limit
    assert placing.Strength(-1.0, 0.1).clearness(np.array([2.0, 32])).tolist() == [1, 1]  # of scores below 0
    stored = novelty.remembered(np.arange(8.0)[:, None], np.ones(8), close=True)
    assert novelty.away(np.array([[9.0], [9.0]]), np.array([1.0, 2.0]), stored).tolist() == [2, 4]


def test_an_anomaly_is_clear_by_its_score_and_by_the_length_of_its_vector():
    scaling = DescriptorScaling(*np.zeros((4, 1)))
    embedding = Embedding(np.full(2, 0.5), np.ones(2), np.eye(2), scaling, placing.Strength(2.0, 0.1))
    described = Described(np.array([[0.5, 1], [128.5, 0.5], [0.5, 0.5]]), np.ones(2), np.zeros((3, 1)))
    # After the scale and less the origin: (0, 1), (256, 0) and (0, 0), and 256 is two to the eighth.
    assert embedding.clearness(described, np.array([64.0, 2, 2])) == pytest.approx([2, 2, 0])


def test_unknown_images_are_compared_by_plain_distances():
    points = np.array([0.0, 1, 3, 6, 10, 15])[:, None]  # 1, 1, 2, 3, 4 and 5 from their nearest
    stored = novelty.remembered(points, np.array([9.0, 1, 1, 1, 1, 1]), close=True)
    assert stored["nearest"].tolist() == [9, 1, 2, 3, 4, 5]
    assert novelty.reach(4.0, stored) == pytest.approx(np.quantile([1, 1, 2, 3, 4, 5], 4 / 6))
    assert not novelty.forms({})
    assert novelty.is_close(stored)
