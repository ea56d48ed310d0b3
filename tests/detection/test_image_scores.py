import numpy as np
import pytest

from adtool.core import arrays
from adtool.detection import image_scores
from adtool.detection.image_scores import MapViews, learn, of_arrays, standardised

SIDE = 64
UPPER_LEFT = (slice(0, 6), slice(0, 6))
MIDDLE = (slice(30, 36), slice(30, 36))
EVERYWHERE = (slice(None), slice(None))


def a_map(number):
    """Of a good part: noise, a level of its own, and a lower left quarter that is always restless."""
    rng = np.random.default_rng(number)
    scores = 10 + 0.1 * rng.standard_normal() + 0.3 * rng.standard_normal((SIDE, SIDE))
    scores[SIDE // 2 :, : SIDE // 2] += 4 * rng.random()
    return scores.astype(np.float32)


def raised(scores, by, where=EVERYWHERE):
    changed = scores.copy()
    changed[where] += by
    return changed


def views(numbers):
    return [MapViews.of(a_map(one)) for one in numbers]


@pytest.fixture(scope="module")
def standard():
    found, _ = learn(views(range(50)))
    return found


def score(scores, standard):
    return standardised(MapViews.of(scores), standard)


def test_without_a_standard_the_score_is_the_mean_of_the_top_1_percent():
    assert score(a_map(0), None) == arrays.image_score(a_map(0))


def test_a_strong_small_defect_keeps_the_score_of_its_spot(standard):
    scores = raised(a_map(100), 40, MIDDLE)
    assert score(scores, standard) >= arrays.image_score(scores)


@pytest.mark.parametrize(("by", "where"), [(1.5, EVERYWHERE), (3.5, UPPER_LEFT)], ids=["whole", "place"])
def test_what_the_worst_spot_does_not_show_is_seen(standard, by, where):
    """Faint and everywhere; or ordinary in one quarter of the part and not here."""
    good = [a_map(one) for one in range(100, 150)]
    odd = [raised(one, by, where) for one in good]
    worst = max(arrays.image_score(one) for one in good)
    assert sum(arrays.image_score(one) > worst for one in odd) < 25
    worst = max(score(one, standard) for one in good)
    assert sum(score(one, standard) > worst for one in odd) >= 45


def test_a_good_part_has_about_the_score_of_its_worst_spot(standard):
    good = [a_map(one) for one in range(100, 200)]
    local = np.array([arrays.image_score(one) for one in good])
    found = np.array([score(one, standard) for one in good])
    assert (found >= local).all()
    assert np.quantile(found, 0.9) < np.quantile(local, 0.9) + 2 * np.std(local)


def test_normals_are_scored_as_if_they_had_not_been_known():
    _, own = learn(views(range(100, 300)))
    standard, _ = learn(views(range(300, 500)))
    new = [score(a_map(one), standard) for one in range(100, 300)]
    assert np.quantile(own, [0.5, 0.9]) == pytest.approx(np.quantile(new, [0.5, 0.9]), rel=0.03)


def test_a_near_duplicate_does_not_speak_for_an_odd_part():
    good = views(range(20))
    odd = MapViews.of(raised(a_map(50), 3, MIDDLE))
    alone, apart, together = (
        learn([*good, *[odd] * count], [*range(20), *names])[1][20]
        for count, names in ((1, ["a"]), (4, "abcd"), (4, "aaaa"))
    )
    assert together == pytest.approx(alone, rel=0.15)
    assert apart < together


def test_an_odd_part_among_the_normals_hardly_changes_what_is_said_of_others():
    odd = MapViews.of(raised(a_map(50), 100, MIDDLE))
    plain, own = learn(views(range(53)))
    shaken, _ = learn([*views(range(53)), odd])
    robust = 1.4826 * float(np.median(np.abs(np.array(own) - np.median(own))))
    for number in range(100, 150):
        assert abs(score(a_map(number), plain) - score(a_map(number), shaken)) < robust


def test_it_is_the_same_after_a_trip_to_the_disk(standard):
    stored = {name: one.copy() for name, one in standard.as_arrays().items()}
    again = of_arrays(stored)
    assert score(a_map(7), again) == score(a_map(7), standard)
    assert of_arrays({"bank": np.zeros((2, 2), np.float32)}) is None


@pytest.mark.parametrize("number", [0, 1, image_scores.MIN_NORMALS - 1])
def test_too_few_normals_set_no_standard(number):
    standard, own = learn(views(range(number)))
    assert standard is None
    assert own == [one.local for one in views(range(number))]


def test_normals_that_are_all_the_same_set_no_standard():
    assert learn([views([1])[0]] * 9)[0] is None
    assert learn(views(range(9)), ["burst"] * 9)[0] is None


def test_normals_that_are_almost_the_same_do_not_make_everything_unusual():
    rng = np.random.default_rng(0)
    same = [MapViews.of(a_map(0) + 1e-6 * rng.random((SIDE, SIDE)).astype(np.float32)) for _ in range(9)]
    standard, _ = learn(same)
    assert np.isfinite(score(raised(a_map(1), 50), standard))


def test_maps_of_any_size_and_unit_are_scored(standard):
    small, _ = learn([MapViews.of(a_map(one)[:9, :13] / 1000 - 5) for one in range(20)])
    assert np.isfinite(score(a_map(30)[:9, :13] / 1000 - 5, small))
    assert np.isfinite(score(a_map(30)[:50, :17], standard))


def test_a_score_of_the_worst_spot_may_be_the_detectors_own():
    normals = [MapViews.of(a_map(one), float(a_map(one).max())) for one in range(20)]
    standard, own = learn(normals)
    scores = raised(a_map(99), 30, MIDDLE)
    assert standardised(MapViews.of(scores, float(scores.max())), standard) >= scores.max()
    assert len(own) == 20


def test_a_spread_is_the_standard_deviation_where_scores_are_normal_and_is_measured_above_the_middle():
    middle, spread = image_scores._middle_and_spread(np.random.default_rng(0).normal(3, 2, 100_000))
    assert (middle, spread) == pytest.approx((3, 2), rel=0.02)
    skewed = np.array([-90, -50, -20, -9, -1, 0, 0.2, 0.4, 0.6, 0.8, 1])  # what lies below does not matter
    assert image_scores._middle_and_spread(skewed) == pytest.approx((0, 0.8 / 1.2816))
