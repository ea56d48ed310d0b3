import numpy as np
import pytest

from adtool.core.synthetic.shapes import Stroke, blob, cover, crack, draw, wander


def test_a_horizontal_stroke_covers_length_times_width():
    line = Stroke(np.array([[10.0, 5.0], [10.0, 25.0]]), np.array([3.0, 3.0]))
    drawn = draw((20, 40), [line])
    assert drawn[10, 5:26].min() > 0.95
    assert drawn[:8].max() == 0
    assert drawn[13:].max() == 0
    assert drawn[:, 15].sum() == pytest.approx(3, abs=0.5)  # the column's cover is the width


def test_a_stroke_thinner_than_a_pixel_is_faint():
    line = Stroke(np.array([[10.0, 5.0], [10.0, 25.0]]), np.array([0.3, 0.3]))
    assert 0.1 < draw((20, 40), [line])[:, 15].sum() < 0.7


def test_a_stroke_outside_the_picture_leaves_it_empty():
    line = Stroke(np.array([[-50.0, -50.0], [-40.0, -60.0]]), np.array([3.0, 3.0]))
    assert draw((20, 20), [line]).max() == 0


def test_a_smooth_round_blob_is_the_distance_to_a_circle():
    distance = blob((41, 41), (20, 20), (10, 10), np.random.default_rng(0), rough=0)
    assert distance[20, 20] == pytest.approx(-10)
    assert distance[20, 30] == pytest.approx(0)
    assert distance[20, 35] == pytest.approx(5)
    assert cover(distance).sum() == pytest.approx(np.pi * 100, rel=0.02)


def test_a_rough_blob_differs_from_the_smooth_one_in_its_outline_only():
    smooth, rough = (
        cover(blob((80, 80), (40, 40), (20, 20), np.random.default_rng(1), rough=r)) > 0.5 for r in (0, 0.3)
    )
    changed = smooth ^ rough
    y, x = np.nonzero(changed)
    assert changed.any()
    assert np.abs(np.hypot(y - 40, x - 40) - 20).max() < 10


def test_a_curve_passes_through_its_middle_and_tapers():
    stroke = wander((50, 60), 40, 2, np.random.default_rng(2))
    steps = np.diff(stroke.points, axis=0)
    assert np.hypot(stroke.points[:, 0] - 50, stroke.points[:, 1] - 60).min() < 1e-9
    assert np.hypot(steps[:, 0], steps[:, 1]).sum() == pytest.approx(40, rel=0.01)
    assert stroke.widths[0] < 0.6 * stroke.widths.max()


@pytest.mark.parametrize("seed", range(5))
def test_a_crack_has_two_arms_and_a_branch_on_each(seed):
    assert 4 <= len(crack((50, 50), 60, 2, np.random.default_rng(seed))) <= 6
