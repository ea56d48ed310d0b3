import numpy as np
import pytest

from adtool.discover import cluster
from adtool.discover.cluster import Embedding


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def heaps(rng, *centres, count=10, spread=0.01):
    return np.concatenate([rng.normal(centre, spread, (count, len(centre))) for centre in centres])


def test_the_strength_is_one_half_at_the_median_score():
    vectors, scores = np.eye(5), np.array([1.0, 2, 3, 4, 5])
    embedding = Embedding.fit(vectors, np.ones(5), scores)
    assert embedding.strength.of(scores)[2] == 0.5
    # Quartiles 2 and 4: the width is 0.5 * 2 / 1.349, and 5 lies 2 above the middle.
    assert embedding.strength.of(scores)[4] == pytest.approx(1 / (1 + np.exp(-2 / (1 / 1.349))))


def test_held_out_normal_images_set_the_middle_of_the_strength():
    scores = np.array([1.0, 2, 3, 4, 5])
    embedding = Embedding.fit(np.eye(5), np.ones(5), scores, np.linspace(0, 1, 11))
    assert embedding.strength.middle == pytest.approx(0.8)


def test_a_point_is_direction_times_strength_seen_from_the_least_anomalous_images():
    # The three images with the lowest scores of ten have the vector (1, 0); scaled by (1, 2) it stays (1, 0).
    vectors = np.array([[1.0, 0]] * 3 + [[1, 4]] * 4 + [[3, 0]] * 3)
    scores = np.arange(10.0)
    embedding = Embedding.fit(vectors, np.array([1.0, 2]), scores)
    points = embedding.points(vectors, scores)
    assert np.allclose(points[:3], 0)
    assert np.allclose(np.linalg.norm(points[3:], axis=1), embedding.strength.of(scores[3:]))
    assert np.allclose(points[3:7] @ points[7:].T, 0)


def test_heaps_of_points_become_clusters(rng):
    labels = cluster.cluster(heaps(rng, (0, 0), (1, 0), (0, 1)), 3, rng)
    assert [len(set(labels[k : k + 10])) for k in (0, 10, 20)] == [1, 1, 1]
    assert sorted(set(labels)) == [0, 1, 2]


def test_very_many_points_are_clustered_by_a_part_of_them(rng, monkeypatch):
    monkeypatch.setattr(cluster, "MAX_LINKED", 12)
    labels = cluster.cluster(heaps(rng, (0, 0), (1, 0)), 2, rng)
    assert len(set(labels[:10])) == len(set(labels[10:])) == 1
    assert set(labels) == {0, 1}


def test_one_point_is_one_cluster_and_more_clusters_than_points_are_not_made(rng):
    assert cluster.cluster(np.zeros((1, 2)), 6, rng).tolist() == [0]
    assert set(cluster.cluster(np.array([[0.0, 0], [1, 0]]), 6, rng)) == {0, 1}


def test_the_number_of_clusters_is_found_where_they_are_clear(rng):
    assert cluster.best_count(heaps(rng, (0, 0), (1, 0), (0, 1), (1, 1)), rng) == 4


def test_with_too_few_points_to_choose_there_are_two_clusters(rng):
    assert cluster.best_count(np.eye(3), rng) == 2


def test_the_silhouette_compares_the_own_centre_with_the_next():
    points = np.array([[0.0], [2], [10], [12]])  # centres 1 and 11
    found = cluster.silhouette(points, np.array([0, 0, 1, 1]))
    assert found == pytest.approx([10 / 11, 8 / 9, 8 / 9, 10 / 11])


def test_a_single_cluster_has_no_silhouette():
    assert cluster.silhouette(np.eye(3), np.zeros(3, int)).tolist() == [0, 0, 0]


def test_the_cluster_with_the_lowest_scores_is_normal_and_the_others_are_named_by_size():
    labels = np.array([0, 0, 1, 2, 2, 2])
    assert cluster.name_clusters(labels, np.array([5.0, 6, 1, 9, 9, 9])) == ["c2", "normal", "c1"]
