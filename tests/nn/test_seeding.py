"""Draws that depend on a seed and a step alone, and the order of images."""

import pytest
import torch

from adtool.nn import seeding

CPU = torch.device("cpu")


def drawn(seed, step):
    with seeding.drawn_from(seed, step, CPU):
        return torch.rand(3).tolist()


def test_a_step_draws_the_same_whatever_was_drawn_before():
    first = drawn(3, 5)
    torch.rand(7)
    assert drawn(3, 5) == first
    assert drawn(3, 6) != first
    assert drawn(4, 5) != first


def test_the_global_state_is_as_before():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn(0, 0)
    assert torch.equal(torch.rand(2), expected)


def test_every_image_comes_once_an_epoch():
    order = seeding.order(5, 13, seed=0)
    assert len(order) == 13
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert order[:5] != order[5:10]
    assert len(set(order[10:])) == 3


def test_an_order_can_be_taken_up_anywhere():
    whole = seeding.order(5, 13, seed=2)
    for start in range(14):
        assert seeding.order(5, 13, seed=2, start=start) == whole[start:]
    assert seeding.order(5, 13, seed=3) != whole


@pytest.mark.parametrize(("device", "inside"), [("cuda", True), ("cpu", False)])
def test_a_gpu_adds_in_the_same_order_within_a_training_and_as_before_afterwards(device, inside):
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(KeyError), seeding.repeatable(torch.device(device)):
        assert torch.are_deterministic_algorithms_enabled() == inside
        raise KeyError
    assert not torch.are_deterministic_algorithms_enabled()
