"""Averages in a graph are those that torch has names for."""

import pytest
import torch

from adtool.nn import tracing
from adtool.nn.averaging import averaged, in_channels


@pytest.mark.parametrize(("channels", "count"), [(6, 3), (5, 2), (2, 5), (7, 7), (4, 1)])
def test_channels_are_averaged_in_a_graph_as_elsewhere(channels, count, monkeypatch):
    x = torch.randn(3, 4, channels, generator=torch.Generator().manual_seed(0))
    plain = in_channels(x, count)
    monkeypatch.setattr(tracing, "is_followed", lambda: True)
    torch.testing.assert_close(in_channels(x, count), plain)


def test_five_channels_become_two_that_share_the_middle_one(monkeypatch):
    monkeypatch.setattr(tracing, "is_followed", lambda: True)
    assert in_channels(torch.tensor([[1.0, 2, 6, 4, 5]]), 2).tolist() == [[3, 5]]


@pytest.mark.parametrize("shape", [(2, 3), (4, 4)])
def test_grids_that_divide_each_other_are_averaged_in_a_graph_as_elsewhere(shape, monkeypatch):
    x = torch.arange(2 * 8 * 12, dtype=torch.float32).reshape(1, 2, 8, 12)
    plain = averaged(x, shape)
    monkeypatch.setattr(tracing, "is_followed", lambda: True)
    torch.testing.assert_close(averaged(x, shape), plain)
