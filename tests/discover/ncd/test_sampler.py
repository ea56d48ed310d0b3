import numpy as np
import pytest

from adtool.discover.ncd import sampler

LABELS = np.array([-1] * 90 + [0] * 10)


def test_half_of_the_draws_are_labelled_however_few_there_are():
    drawn = np.concatenate([sampler.balanced(LABELS, np.random.default_rng(seed)) for seed in range(20)])
    assert len(drawn) == 20 * len(LABELS)
    assert (LABELS[drawn] >= 0).mean() == pytest.approx(0.5, abs=0.05)


def test_without_labels_each_sample_comes_once():
    drawn = sampler.balanced(np.full(7, -1), np.random.default_rng(0))
    assert sorted(drawn.tolist()) == list(range(7))


def test_the_two_views_of_a_sample_differ():
    draws = list(sampler.epoch(np.full(65, -1), 32, 3, np.random.default_rng(0)))
    assert [len(draw.items) for draw in draws] == [32, 32]  # the last sample alone has nothing to be told from
    for draw in draws:
        assert (draw.first != draw.second).all()
        assert set(draw.first) | set(draw.second) == {0, 1, 2}


def test_the_same_seed_draws_the_same():
    one, two = (next(iter(sampler.epoch(LABELS, 8, 4, np.random.default_rng(3)))) for _ in range(2))
    assert (one.items == two.items).all()
    assert (one.second == two.second).all()
