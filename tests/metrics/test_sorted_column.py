import numpy as np
import pytest

from adtool.metrics import sorted_column
from adtool.metrics.sorted_column import SortedColumn, apart, merged, paired, pairs_apart


def test_pairs_are_in_the_order_of_their_scores_whatever_the_sign():
    scores = np.array([0.0, -1.5, 3e38, -3e38, 1e-45, -1e-45, 1.5, -0.0], np.float32)
    numbers = np.arange(8)
    pairs = np.sort(paired(scores, numbers))
    found, order = apart(pairs)
    assert found.tolist() == sorted(scores.tolist())
    assert [scores[place] for place in order] == found.tolist()
    assert (found.dtype, order.dtype) == (np.float32, np.int32)


def test_what_is_paired_comes_apart_as_it_was():
    scores, numbers = np.array([2.5, -0.0, 7.0], np.float32), np.array([0, 2**31 - 1, 5])
    found, order = apart(paired(scores, numbers))
    assert found.tobytes() == scores.tobytes()
    assert order.tolist() == numbers.tolist()


@pytest.mark.parametrize("sizes", [(5,), (0,), (1, 1), (100, 3, 57), (1, 200, 1), (64, 64, 64, 64)])
@pytest.mark.parametrize("at_once", [1, 40, 10_000])
def test_runs_are_merged_into_one_order_a_few_at_a_time(monkeypatch, sizes, at_once):
    monkeypatch.setattr(sorted_column, "BLOCK", 2)
    rng = np.random.default_rng(0)
    runs = [np.sort(rng.integers(0, 30, size)) for size in sizes]  # many values are in several runs
    pieces = list(merged(runs, at_once))
    assert np.concatenate([np.empty(0, int), *pieces]).tolist() == sorted(np.concatenate(runs).tolist())
    assert all(piece.size <= max(at_once, 2 * len(runs)) for piece in pieces)


@pytest.mark.parametrize("limit", [0, 100, 10_000])
def test_a_column_holds_the_same_whatever_the_memory(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(sorted_column, "LEAST", 10)
    rng = np.random.default_rng(0)
    scores, numbers = rng.normal(size=400).astype(np.float32), rng.integers(0, 9, 400)
    column = SortedColumn(np.uint64, limit, tmp_path)
    for start in range(0, 400, 33):
        column.add(paired(scores[start : start + 33], numbers[start : start + 33]))
    found, order = pairs_apart(column.sorted(), 50, tmp_path)
    by = np.lexsort([numbers, scores])
    assert np.array_equal(found, scores[by]) and np.array_equal(order, numbers[by])
    assert isinstance(found, np.memmap) == (limit < 3200)
    assert not list(tmp_path.iterdir())


def test_a_column_without_values_is_empty(tmp_path):
    found, order = pairs_apart(SortedColumn(np.uint64, 0, tmp_path).sorted(), 10, tmp_path)
    assert (found.size, order.size) == (0, 0)
