import numpy as np
import pytest

from adtool.discover.free import doubts

# Four heaps on a line: two near each other, one wide (two lumps of unequal size), one far off.
PLACES = [0.0, 0.1, 1.0, 1.1, 5.0, 5.1, 5.2, 6.0, 6.1, 20.0, 20.1]
LABELS = [1, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4]
POINTS = np.array(PLACES)[:, None]


def test_the_nearest_two_may_be_one_and_the_widest_may_be_two():
    found = doubts.find(POINTS, np.array(LABELS), (1, 2, 3, 4), 0)
    assert found.merge == (1, 2)  # 2 * 2 / 4 * 1 squared = 1; of 2 and 3 2 * 5 / 7 * 4.43 squared = 28
    assert found.split == 3
    assert found.half.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 0]  # the larger half is the first
    assert found.halves == pytest.approx(np.array([[5.1], [6.05]]))
    names = ["normal", "c4", "c2", "c1", "c3"]
    assert found.named(names) == {"merge": ["c4", "c2"], "split": "c1"}
    assert found.said("bolt", names) == [
        "bolt: c2 and c4 may be one class, c1 may be two; the page of `adtool report --html` shows both."
    ]


def test_many_members_weigh_more_than_few_that_lie_as_far_apart():
    points = np.array([0.0, 2.0, 3.9, *[10.0, 12.0] * 4])[:, None] + np.arange(11)[:, None] * 1e-6
    labels = np.array([1, 2, 2, *[3, 4] * 4])
    assert doubts.find(points, labels, (1, 2, 3, 4), 0).merge == (1, 2)  # 1 * 2 / 3 * 2.95 squared = 5.8; 4 * 4 / 8 * 4


def test_one_class_alone_is_merged_with_none_and_a_pair_is_not_cut():
    found = doubts.find(POINTS[:2], np.array([1, 1]), (1,), 0)
    assert (found.merge, found.split, found.half.tolist(), dict(found.tensors())) == ((), None, [0, 0], {})
    assert found.named(["normal", "c1"]) == {"merge": [], "split": ""}
    assert found.said("bolt", ["normal", "c1"]) == []


def test_what_is_normal_and_what_is_empty_is_left_alone():
    found = doubts.find(POINTS, np.array([0] * 4 + [3] * 5 + [0] * 2), (1, 2, 3), 0)
    assert (found.merge, found.split) == ((), 3)


def test_a_half_of_one_image_is_no_kind():
    points = np.array([0.0, 0.1, 0.2, 9.0])[:, None]
    assert doubts.find(points, np.ones(4, int), (1,), 0).split is None
