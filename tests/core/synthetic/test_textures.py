import numpy as np
import pytest

from adtool.core.synthetic.textures import fractal, material, perlin, relief


def test_perlin_noise_of_one_cell_per_pixel_is_zero_at_every_lattice_point():
    # The lattice's offset is one number per axis; with a cell per pixel every pixel lies at the same place in its cell.
    class AtTheLattice:
        def uniform(self, low=0.0, high=1.0, size=None):
            return 0.0 if size is None else np.full(size, 1.0)

    assert np.abs(perlin((5, 7), (5, 7), AtTheLattice())).max() == 0


def test_perlin_noise_in_the_middle_of_a_cell_is_the_mean_of_four_slopes():
    class HalfWay:
        def uniform(self, low=0.0, high=1.0, size=None):
            return 0.5 if size is None else np.array([[0.0, 0.0], [np.pi / 2, np.pi]])

    # Gradients (y, x): (0, 1), (0, 1), (1, 0), (0, -1); offsets to the middle (+-.5, +-.5): .5, -.5, -.5, .5.
    # The first pixel lies there: mean 0. With the last gradient turned, (0, 1), it would be (.5 - .5 - .5 - .5) / 4.
    assert perlin((1, 1), (1, 1), HalfWay())[0, 0] == pytest.approx(0)

    class Turned(HalfWay):
        def uniform(self, low=0.0, high=1.0, size=None):
            return 0.5 if size is None else np.array([[0.0, 0.0], [np.pi / 2, 0.0]])

    assert perlin((1, 1), (1, 1), Turned())[0, 0] == pytest.approx(np.sqrt(2) * -1.0 / 4)


@pytest.mark.parametrize("cells", [(4, 4), (0.4, 30), (31.7, 2.5)])
def test_perlin_noise_is_smooth_centred_and_bounded(cells):
    noise = np.stack([perlin((64, 90), cells, np.random.default_rng(k)) for k in range(40)])
    assert np.abs(noise).max() <= 1
    assert abs(noise.mean()) < 0.05
    assert noise.std() > 0.2


def test_finer_cells_make_faster_noise():
    coarse, fine = (perlin((64, 64), (c, c), np.random.default_rng(0)) for c in (2, 16))
    assert np.abs(np.diff(fine, axis=1)).mean() > 3 * np.abs(np.diff(coarse, axis=1)).mean()


def test_fractal_noise_never_asks_for_more_cells_than_half_the_pixels():
    assert np.isfinite(fractal((3, 200), (50, 50), np.random.default_rng(0), octaves=6)).all()


def test_a_slope_that_rises_away_from_the_light_is_lit():
    y, x = np.mgrid[:5, :5].astype(float)
    np.testing.assert_allclose(relief(2 * y, (-1, 0)), 2)  # the light stands above, the surface falls towards it
    np.testing.assert_allclose(relief(2 * y, (1, 0)), -2)
    np.testing.assert_allclose(relief(3 * x, (-1, 0)), 0)


@pytest.mark.parametrize("seed", range(12))
def test_a_made_up_material_has_contrast_and_stays_in_range(seed):
    colour = material((48, 40), np.random.default_rng(seed))
    assert colour.shape == (48, 40, 3)
    assert colour.min() >= 0
    assert colour.max() <= 255
    assert colour.std(axis=(0, 1)).max() > 2


def test_a_grey_material_is_grey():
    colour = material((20, 20), np.random.default_rng(3), grey=True)
    np.testing.assert_array_equal(colour[..., 0], colour[..., 2])
