import numpy as np
import pytest
import torch

from adtool.nn.smooth import enlarge


def test_a_grid_is_enlarged_bilinearly_by_hand():
    scores = enlarge(torch.tensor([[0.0, 1.0]]), 1, 4, blur=0)
    assert scores.dtype == np.float32
    assert scores[0].tolist() == [0, 0.25, 0.75, 1]


def test_a_constant_grid_stays_constant_up_to_the_border():
    scores = enlarge(torch.full((3, 5), 2.0), 12, 20, blur=4)
    assert scores.shape == (12, 20)
    np.testing.assert_allclose(scores, 2, rtol=1e-6)


def test_the_blur_is_a_gaussian_of_that_sigma():
    point = torch.zeros(41, 41)
    point[20, 20] = 1
    scores = enlarge(point, 41, 41, blur=3).astype(np.float64)
    assert scores.sum() == pytest.approx(1, rel=1e-5)
    offsets = np.arange(41) - 20
    assert (scores.sum(axis=0) * offsets**2).sum() == pytest.approx(9, rel=0.02)
    assert np.unravel_index(scores.argmax(), scores.shape) == (20, 20)


def test_sides_are_not_confused():
    grid = torch.zeros(2, 4)
    grid[1, 3] = 1
    scores = enlarge(grid, 20, 40, blur=0)
    assert scores.shape == (20, 40)
    assert scores[-1, -1] == 1
    assert scores[:10, :20].max() == 0


def test_beyond_the_border_the_map_goes_on_as_at_the_border_or_mirrored():
    grid = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]).repeat(8, 1)
    replicated = enlarge(grid, 8, 8, blur=1.0)
    mirrored = enlarge(grid, 8, 8, blur=1.0, mirrored=True)
    assert mirrored[0, 0] > replicated[0, 0], "the bright column is seen twice"
    assert np.allclose(mirrored[:, 5:], replicated[:, 5:], atol=1e-6)
