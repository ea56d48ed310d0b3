import numpy as np
import pytest

from adtool_runtime.classes import traits
from adtool_runtime.classes.traits import NAMES, DescriptorScaling

SIDE = traits.GUIDE_SIDE


def guide(rows, columns):
    """High inside a rectangle."""
    found = np.zeros((SIDE, SIDE), np.float32)
    found[rows, columns] = 20
    return found


def named(image, of_guide):
    return dict(zip(NAMES, traits.of_anomaly(image, of_guide), strict=True))


@pytest.fixture
def grey():
    return np.full((SIDE * 2, SIDE * 2, 3), 100, np.uint8)


def test_a_rectangle_has_its_area_and_length(grey):
    found = named(grey, guide(slice(20, 24), slice(30, 70)))  # 4 x 40 of 96 x 96
    assert found["log blob area share"] == pytest.approx(np.log(160 / SIDE**2))
    assert found["log area share"] == pytest.approx(np.log(160 / SIDE**2), abs=0.01)
    # The variance of n places in a row is (n^2 - 1) / 12.
    long, short = (np.sqrt((n**2 - 1) / 12) / SIDE for n in (40, 4))
    assert found["log blob length"] == pytest.approx(np.log(long), abs=0.01)
    assert found["log spread"] == pytest.approx(np.log(long), abs=0.01)
    assert found["log blob ratio"] == pytest.approx(np.log(short / long), abs=0.1)
    assert found["log blobs"] == 0


def test_two_rectangles_are_two_blobs_and_the_largest_is_measured(grey):
    both = guide(slice(20, 24), slice(30, 70))
    both[60:62, 10:12] = 19
    found = named(grey, both)
    assert found["log blobs"] == pytest.approx(np.log(2))
    assert found["log blob area share"] == pytest.approx(np.log(160 / SIDE**2))


def test_a_dark_spot_is_dark_and_a_red_one_red(grey):
    where = guide(slice(40, 50), slice(40, 50))
    grey[80:100, 80:100] = 50
    dark = named(grey, where)
    assert dark["brightness"] == pytest.approx(-50 / 255 * (1 - 100 / SIDE**2), abs=0.01)
    assert dark["brightness against near"] < -0.02
    assert dark["red"] == pytest.approx(0, abs=1e-6)
    grey[80:100, 80:100] = (200, 50, 50)
    red = named(grey, where)
    assert red["red"] > 0.5
    assert red["saturation"] > 0.5


def test_detail_inside_counts_against_that_outside(grey):
    where = guide(slice(40, 50), slice(40, 50))
    plain = named(grey, where)
    grey[80:100:2, 80:100] = 200
    rough = named(grey, where)
    for name in ("log detail", "log gradient", "log fine detail"):
        assert rough[name] > plain[name] + 1


def test_a_flat_guide_gives_finite_traits(grey):
    assert np.isfinite(traits.of_anomaly(grey, np.zeros((5, 7), np.float32))).all()


def test_scaled_traits_have_length_one_on_average_seen_from_the_normal_items():
    rng = np.random.default_rng(0)
    values = rng.normal(5, [1.0, 100], (200, 2))
    normal = np.arange(200) < 100
    values[~normal, 0] += 3
    scaled = DescriptorScaling.fit(values, normal).of(values)
    assert np.allclose(scaled[normal].mean(axis=0), 0)
    assert np.square(scaled[~normal]).sum(axis=1).mean() == pytest.approx(1)
    half = DescriptorScaling.fit(values, normal, 0.5).of(values)
    assert half == pytest.approx(scaled / 2)


def test_a_scaling_comes_back_from_its_tensors():
    values = np.random.default_rng(0).normal(size=(20, 3))
    scaling = DescriptorScaling.fit(values, np.arange(20) < 5)
    assert np.array_equal(DescriptorScaling.stored(scaling.tensors()).of(values), scaling.of(values))


def test_where_all_items_are_alike_traits_are_zero():
    scaling = DescriptorScaling.fit(np.ones((4, 2)), np.ones(4, bool))
    assert scaling.of(np.ones((4, 2))).tolist() == [[0, 0]] * 4
