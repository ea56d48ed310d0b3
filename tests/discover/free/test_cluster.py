import numpy as np
import pytest

from adtool.discover import assign
from adtool.discover.free import cluster, count
from adtool.discover.free.features import Described
from adtool_runtime.classes import placing, vectors


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def heaps(rng, *centres, each=10, spread=0.01):
    return np.concatenate([rng.normal(centre, spread, (each, len(centre))) for centre in centres])


def described(vectors, scale=None, traits=None):
    vectors = np.asarray(vectors, float)
    count, channels = vectors.shape
    return Described(
        vectors, np.ones(channels) if scale is None else scale, np.zeros((count, 1)) if traits is None else traits
    )


def test_the_strength_is_one_half_between_the_low_and_the_high_scores():
    scores = np.array([1.0, 2, 16, 32, 64])
    strength = cluster.fit_strength(scores)
    assert strength.middle == pytest.approx((2 * 16) ** 0.5)
    # Quartiles 2 and 32: the width is 0.5 * 30 / 1.349.
    assert strength.of(scores)[4] == pytest.approx(1 / (1 + np.exp(-(64 - 32**0.5) / (15 / 1.349))))


def test_scores_below_zero_fall_into_two_groups_as_they_are():
    assert cluster.between_groups(np.array([-2.0, -1, 7, 8])) == pytest.approx(3)


def test_equal_scores_are_all_normal():
    strength = cluster.fit_strength(np.full(3, 2.0))
    assert (strength.of(np.full(3, 2.0)) <= placing.NO_STRENGTH).all()


def test_the_limit_in_force_sets_the_middle_before_all_else():
    strength = cluster.fit_strength(np.array([1.0, 2, 3, 4, 5]), np.linspace(0, 1, 11), limit=2.5)
    assert (strength.of(np.array([2.5, 2.6])) > placing.NO_STRENGTH).tolist() == [False, True]
    assert strength.of(np.array([2.5])) == 0.5


def test_held_out_normal_images_set_the_middle_of_the_strength():
    strength = cluster.fit_strength(np.array([1.0, 2, 3, 4, 5]), np.linspace(0, 1, 11))
    assert strength.middle == pytest.approx(0.8)


def test_a_direction_is_seen_from_the_least_anomalous_images_whatever_its_length():
    # The three images with the lowest scores of ten have the vector (1, 0); scaled by (1, 2) it stays (1, 0).
    items = described([[1.0, 0]] * 3 + [[1, 4]] * 4 + [[3, 0]] * 3, np.array([1.0, 2]))
    scores = np.arange(10.0)
    embedding = cluster.fit_embedding(items, scores, cluster.fit_strength(scores))
    points = embedding.directions(items)
    length = 1 / np.hypot(1, placing.TRAITS_WEIGHT)  # the traits are all the same, so they add nothing
    assert np.allclose(points[:3], 0)
    assert np.allclose(np.linalg.norm(points[3:], axis=1), length)
    assert np.allclose(points[3:7] @ points[7:].T, 0)
    whole = embedding.whole(items, scores)
    assert np.allclose(np.linalg.norm(whole[3:], axis=1), embedding.strength.of(scores[3:]))


def test_traits_lie_beside_the_features_with_their_weight():
    traits = np.array([[0.0]] * 5 + [[1.0]] * 5)
    items = described(np.ones((10, 2)), traits=traits)
    points = cluster.fit_embedding(items, np.arange(10.0), cluster.fit_strength(np.arange(10.0))).directions(items)
    expected = 0.7 / np.hypot(1, 0.7)  # seven tenths of the features' length, and both together 1
    assert np.allclose(np.linalg.norm(points, axis=1), [0] * 5 + [expected] * 5)


def test_heaps_of_points_become_classes(rng):
    points = heaps(rng, (0, 0), (1, 0), (0, 1))
    centres = cluster.find_centres(points, 3, 0)
    labels = placing.place(points, np.ones(30), centres).labels
    assert [len(set(labels[k : k + 10])) for k in (0, 10, 20)] == [1, 1, 1]
    assert set(labels) == {1, 2, 3}


def test_wards_clusters_of_points_on_a_line():
    points = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    found = cluster.ward(points, 3)
    assert found[0] == found[1] != found[2] == found[3] != found[4]
    assert set(cluster.ward(points[[0, 0, 0]], 3)) == {0}


def test_of_the_groupings_of_several_draws_that_is_taken_which_agrees_most_with_the_others(monkeypatch):
    points = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    axes = iter([1, 0, 0])  # what the draws are parted along: two of the three agree

    def parted(drawn, count):
        return (drawn[:, next(axes)] > 0.5).astype(int)

    monkeypatch.setattr(cluster, "DRAWS", 3)
    monkeypatch.setattr(cluster, "SHARE", 1.0)
    monkeypatch.setattr(cluster, "ward", parted)
    assert cluster.find_centres(points, 2, 0).tolist() == [[0, 0.5], [1, 0.5]]


def test_clusters_come_in_the_order_of_their_first_points(rng):
    points = heaps(rng, (0, 1), (1, 0), (0, 0))
    for seed in range(5):
        assert cluster.find_centres(points, 3, seed).round().tolist() == [[0, 1], [1, 0], [0, 0]]


def test_a_draw_holds_no_more_points_than_wards_method_can_take(rng, monkeypatch):
    sizes, plain = [], cluster.ward
    monkeypatch.setattr(cluster, "ward", lambda points, count: sizes.append(len(points)) or plain(points, count))
    points = heaps(rng, (0, 0), (1, 0))
    cluster.find_centres(points, 2, 0)
    monkeypatch.setattr(cluster, "MOST", 10)
    centres = cluster.find_centres(points, 2, 0)
    assert sizes == [16] * cluster.DRAWS + [10] * cluster.DRAWS  # of twenty points, four in five, and then ten
    assert sorted(centres[:, 0].round()) == [0, 1]


def test_without_strength_an_item_is_normal_wherever_it_lies():
    placed = placing.place(np.array([[1.0, 0], [1, 0]]), np.array([0.4, 0.6]), np.array([[1.0, 0], [0, 1]]))
    assert placed.labels.tolist() == [0, 1]
    assert placed.probabilities[0].tolist() == [1, 0, 0]
    assert placed.probabilities[1, 0] == 0
    assert placed.confidence == pytest.approx([0.2, 1])


def test_more_classes_than_points_are_not_made():
    points = np.array([[0.0, 0], [1, 0], [1, 0]])
    assert len(cluster.find_centres(points, 6, 0)) == 2
    assert cluster.find_centres(points[:0], 6, 0).shape == (0, 2)
    rare = np.array([[0.0]] * 50 + [[1], [2]])  # most draws lack one of the last two
    assert sorted(cluster.find_centres(rare, 3, 0).ravel()) == [0, 1, 2]


def test_where_nothing_is_odd_everything_is_normal():
    placed = placing.place(np.eye(2), np.array([0.1, 0.2]), np.zeros((0, 2)))
    assert placed.labels.tolist() == [0, 0]
    assert placed.probabilities.tolist() == [[1], [1]]


def test_the_margin_compares_the_own_centre_with_the_next():
    points, centres = np.array([[0.0], [2], [10], [12]]), np.array([[1.0], [11]])
    found = vectors.margin(vectors.distances(points, centres), np.array([0, 0, 1, 1]))
    assert found == pytest.approx([10 / 11, 8 / 9, 8 / 9, 10 / 11])


def test_a_single_class_has_no_margin():
    assert vectors.margin(np.ones((3, 1)), np.zeros(3, int)).tolist() == [0, 0, 0]


def test_the_centre_of_a_class_without_items_is_the_origin():
    assert cluster.centres(np.array([[2.0], [4]]), np.array([1, 1]), 2).tolist() == [[0], [3]]


def test_the_cluster_with_the_lowest_scores_is_normal_and_the_others_are_named_by_size():
    labels = np.array([0, 0, 1, 2, 2, 2])
    assert cluster.name_clusters(labels, np.array([5.0, 6, 1, 9, 9, 9])) == ["c2", "normal", "c1"]


def test_the_first_label_is_normal_and_the_others_are_named_by_size():
    assert cluster.name_by_size(np.array([1, 2, 2, 0, 0, 0]), 4) == ["normal", "c2", "c1", "c3"]


@pytest.mark.slow
def test_a_number_of_kinds_that_is_estimated_gives_the_same_classes_as_when_it_is_asked_for(rng, monkeypatch):
    monkeypatch.setattr(count, "DRAWS", 4)  # which say no less of where the clusters start
    vectors = np.concatenate([heaps(rng, (0, 0, 0), each=20, spread=0.3), rng.normal(0, 1, (60, 3))])
    scores = np.concatenate([np.full(20, 1.0), np.full(60, 9.0)]) + rng.random(80) / 10
    for seed in range(3):
        auto = assign.discover(described(vectors), scores, None, seed, cluster.fit_strength(scores))
        asked = assign.discover(
            described(vectors), scores, auto.card["auto"]["count"], seed, cluster.fit_strength(scores)
        )
        assert np.array_equal(auto.items.labels, asked.items.labels)
        assert np.array_equal(auto.tensors["centres"], asked.tensors["centres"])


def test_two_dozen_main_axes_are_kept(rng):
    items = described(rng.normal(size=(40, 60)))
    embedding = cluster.fit_embedding(items, np.arange(40.0), cluster.fit_strength(np.arange(40.0)))
    assert embedding.axes.shape == (24, 60)
