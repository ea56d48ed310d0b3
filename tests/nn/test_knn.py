import pytest
import torch

from adtool.nn import knn, search_graph, tracing
from adtool.nn.knn import Bank, greedy_coreset
from adtool_runtime import parallel


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_nearest_of_three_points_by_hand():
    bank = Bank(torch.tensor([[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]]))
    distance, index = bank.nearest(torch.tensor([[0.0, 1.0], [3.0, 4.0], [9.0, 0.0], [-3.0, -4.0]]))
    assert distance.tolist() == [1, 0, 1, 5]
    assert index.tolist() == [0, 1, 2, 0]


def test_it_is_what_all_distances_give_in_chunks_of_any_size(monkeypatch):
    vectors = torch.randn(50, 8, generator=generator())
    queries = torch.randn(37, 8, generator=generator(1))
    expected = torch.cdist(queries, vectors).min(dim=1)
    for chunk in (1, 4 * 50 * 5, 2**20):
        monkeypatch.setattr(knn, "CHUNK_BYTES", chunk)
        distance, index = Bank(vectors).nearest(queries)
        assert index.tolist() == expected.indices.tolist()
        torch.testing.assert_close(distance, expected.values)


def test_a_distance_near_zero_is_exact_even_far_from_the_origin():
    vectors = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    distance, _ = Bank(vectors).nearest(vectors + torch.tensor([0.0, 0.001]))
    assert distance[0].item() == pytest.approx(0.001, rel=1e-5)


def test_no_queries_give_no_distances():
    distance, index = Bank(torch.ones(3, 2)).nearest(torch.empty(0, 2))
    assert (distance.shape, index.shape) == ((0,), (0,))


def test_neighbours_begin_with_the_vector_itself():
    bank = Bank(torch.tensor([[0.0], [5.0], [1.0], [3.0]]))
    assert bank.neighbours(0, 3).tolist() == [0, 2, 3]
    assert len(bank.neighbours(0, 9)) == 4, "no more than there are"


def test_the_greedy_coreset_of_a_line_of_points_by_hand():
    line = torch.arange(9.0)[:, None]
    first = int(torch.randint(9, (1,), generator=generator()))
    chosen = greedy_coreset(line, 4, projected=0, generator=generator()).tolist()
    assert chosen[0] == first
    farthest = max(range(9), key=lambda i: abs(i - first))
    assert chosen[1] == farthest
    for count in range(1, 4):  # each is as far as can be from those before
        gap = [min(abs(i - c) for c in chosen[:count]) for i in range(9)]
        assert gap[chosen[count]] == max(gap)


def test_a_coreset_reaches_the_outlier_that_a_random_choice_would_miss():
    cloud = torch.cat([torch.randn(500, 4, generator=generator()), torch.full((1, 4), 50.0)])
    assert 500 in greedy_coreset(cloud, 3, projected=0, generator=generator()).tolist()
    assert 500 in greedy_coreset(cloud, 3, projected=2, generator=generator()).tolist()


def test_no_vector_is_chosen_twice_even_if_all_are_equal():
    assert sorted(greedy_coreset(torch.ones(6, 3), 5, projected=0, generator=generator()).tolist()) != [0] * 5
    chosen = greedy_coreset(torch.ones(6, 3), 5, projected=0, generator=generator()).tolist()
    assert len(set(chosen)) == 5


def test_a_beginning_of_a_coreset_is_the_smaller_coreset():
    cloud = torch.randn(60, 5, generator=generator())
    long = greedy_coreset(cloud, 20, projected=3, generator=generator())
    short = greedy_coreset(cloud, 7, projected=3, generator=generator())
    assert long[:7].tolist() == short.tolist()


def test_all_are_taken_if_there_are_no_more():
    assert greedy_coreset(torch.ones(3, 2), 3, projected=0, generator=generator()).tolist() == [0, 1, 2]
    assert greedy_coreset(torch.ones(3, 2), 9, projected=0, generator=generator()).tolist() == [0, 1, 2]


def test_a_seed_decides_the_coreset():
    cloud = torch.randn(60, 5, generator=generator())
    chosen = [greedy_coreset(cloud, 9, projected=2, generator=generator(seed)).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_the_closest_are_those_of_the_full_matrix_in_order(monkeypatch):
    monkeypatch.setattr(knn, "CHUNK_BYTES", 4 * 30 * 7)  # several chunks, the last one not full
    generator = torch.Generator().manual_seed(0)
    bank, queries = torch.randn(30, 5, generator=generator), torch.randn(40, 5, generator=generator)
    squared, index = knn.Bank(bank).closest(queries, 4)
    expected = torch.cdist(queries, bank).square().topk(4, largest=False)
    assert torch.equal(index, expected.indices)
    assert torch.allclose(squared, expected.values, atol=1e-5)


def test_the_closest_are_as_many_as_there_are_and_never_nearer_than_zero():
    bank = torch.tensor([[1000.0, 0.1], [1000.0, 0.3]])
    squared, index = knn.Bank(bank).closest(bank, 5)
    assert squared.shape == index.shape == (2, 2)
    assert (squared >= 0).all()
    assert knn.Bank(bank).closest(bank[:0], 1)[0].shape == (0, 1)


@pytest.mark.parametrize("most", [knn.FOLLOWED_BYTES, 4 * 251 * 8], ids=["at once", "some queries at a time"])
@pytest.mark.parametrize("count", [1, 99, 100, 250])
def test_a_graph_finds_the_same_nearest_vectors_by_groups(count, most, monkeypatch):
    monkeypatch.setattr(knn, "FOLLOWED_BYTES", most)
    generator = torch.Generator().manual_seed(count)
    vectors = torch.randn(count, 4, generator=generator)
    vectors = torch.cat([vectors, vectors[:1]])  # of equal ones the first is taken
    queries = torch.cat([torch.randn(20, 4, generator=generator), vectors[:1]])
    bank = knn.Bank(vectors)
    plain = bank.nearest(queries)
    monkeypatch.setattr(tracing, "is_followed", lambda: True)
    for grouped, one in zip(bank.nearest(queries), plain, strict=True):
        assert torch.equal(grouped, one)


def test_the_search_as_a_graph_finds_what_torch_finds(monkeypatch):
    monkeypatch.setattr(knn, "SEARCHED_BY_GRAPH", 1)
    monkeypatch.setattr(search_graph, "CHUNK_BYTES", 4 * 1_300 * 7)  # seven queries at a time
    vectors, queries = torch.randn(1_234, 8, generator=generator()), torch.randn(300, 8, generator=generator(1))
    without = torch.rand(1_234, generator=generator(2)) < 0.5
    of_graph, of_torch = Bank(vectors, "openvino"), Bank(vectors)
    for left_out in (None, without):
        for several in (queries, queries[:1], queries[:0]):
            found, expected = of_graph.nearest(several, left_out), of_torch.nearest(several, left_out)
            assert found[1].tolist() == expected[1].tolist()
            torch.testing.assert_close(found[0], expected[0], rtol=0, atol=0)
    assert not without[of_graph.nearest(queries, without)[1]].any()


def test_of_equal_vectors_the_graph_finds_the_first(monkeypatch):
    monkeypatch.setattr(knn, "SEARCHED_BY_GRAPH", 1)
    vectors = torch.ones(250, 4)
    vectors[::3] = 0.0
    queries = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert Bank(vectors, "openvino").nearest(queries)[1].tolist() == [1, 0]


def test_small_memories_and_torch_need_no_graph():
    small, large = torch.ones(10, 4), torch.ones(1_000, 400)
    made = [Bank(small, "openvino"), Bank(large, "torch"), Bank(large, "openvino")]
    assert [one._graph is not None for one in made] == [False, False, True]


def test_threads_of_a_graph_are_bound_to_no_core():
    """Those of processes beside each other would otherwise all be bound to the first cores, and take turns there."""
    compiled = search_graph.SearchGraph(torch.randn(200, 4, generator=generator()))._compiled
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_NUM_THREADS") == parallel.core_count()
