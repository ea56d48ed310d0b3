"""A limit from what is known of the scores."""

import numpy as np
import pytest
from pydantic import ValidationError

from adtool.core.config import parse
from adtool.core.errors import UsageError
from adtool.core.limits import choose as choosing
from adtool.core.limits import evidence, limit_file, sentences
from adtool.core.limits.choose import Asked, choose, expect, working_points
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.limits.options import LimitOptions

RNG = np.random.default_rng(0)
NORMALS = [NormalScore(f"train/good/{i:03}", score, f"{i}") for i, score in enumerate(RNG.gamma(9, size=90).round(6))]
PAINTED = [
    PaintedScore(f"train/good/{i:03}", "scratch", 0.01 * (i % 3) ** 2 + 0.001, score)
    for i, score in enumerate((RNG.gamma(9, size=83) + 8).round(6))
]
KNOWN = Evidence(NORMALS, PAINTED, "cross-fitted")
PRESENT = [*RNG.gamma(9, size=200), *(RNG.gamma(9, size=50) + 8)]


@pytest.mark.parametrize(("count", "rate"), [(30, 0.05), (50, 0.035), (60, 0.04), (90, 0.045), (400, 0.05)])
def test_by_default_five_in_a_hundred_good_parts_are_rejected_and_hardly_more_than_ten(count, rate):
    scores = np.random.default_rng(1).gamma(9, size=count)
    found = choose(evidence.of_scores(scores, "cross-fitted"), Asked(), "maps")
    assert (found.rule, found.asked, found.set_by) == ("default", rate, "maps")
    expected = found.expected.false_alarms
    assert expected.rate == pytest.approx(rate, rel=0.05)
    assert expected.low <= expected.rate <= expected.high
    assert count < 50 or expected.high <= 0.1
    assert (found.made_from.normals, found.made_from.groups, found.made_from.how) == (count, count, "cross-fitted")


def test_a_limit_that_is_asked_for_is_taken_as_it_is():
    found = choose(KNOWN, Asked(at=12.345678901234))
    assert found.value == 12.345678901234
    assert found.expected.found == pytest.approx(np.mean([one.score > found.value for one in PAINTED]))
    assert set(found.expected.found_by_size) == {"small", "medium", "large"}


@pytest.mark.parametrize("share", [0.5, 0.83, 0.95, 0.9999])
def test_the_share_of_painted_defects_that_is_asked_for_is_found(share):
    found = choose(KNOWN, Asked(found=share))
    assert round(found.expected.found, 3) >= round(share, 3)
    higher = expect(KNOWN, found.value * 1.2)
    strictest = choose(KNOWN, Asked(false_alarms=choosing.RATES[0])).value
    assert higher.found < share or found.value == strictest, "as high as that allows"


def test_what_is_far_above_all_good_parts_is_found_by_a_limit_just_above_them():
    far = Evidence(NORMALS, [PaintedScore("a", "spot", 0.1, score) for score in (1e3, 1e4, 1e5)])
    assert choose(far, Asked(found=0.3)).value < 100, "a limit of 99,999 would save no false alarm, and find less"


def test_each_number_of_a_working_point_can_be_typed_back():
    now = choose(KNOWN, Asked(at=15.25))
    points = working_points(KNOWN, now, PRESENT)
    assert [one.is_now for one in points].count(True) == 1
    assert len(points) == 7
    values = [one.limit.value for one in points]
    assert values == sorted(values, reverse=True)
    for one in points:
        typed = float(repr(one.limit.value))
        assert choose(KNOWN, Asked(at=typed)).expected == one.limit.expected
        assert sum(score > typed for score in PRESENT) == one.rejected
        assert choose(KNOWN, one.asked).value == one.limit.value
        again = choose(KNOWN, Asked(found=round(one.limit.expected.found, 3)))
        assert again.expected.found == one.limit.expected.found or again.value == points[0].limit.value


def test_a_share_of_false_alarms_that_is_printed_names_the_same_limit():
    for rate in choosing.RATES:
        found = choose(KNOWN, Asked(false_alarms=rate))
        printed = float(f"{found.expected.false_alarms.rate:.2g}")
        assert choose(KNOWN, Asked(false_alarms=printed)).value == found.value
        assert len(repr(found.value)) <= 6, "short enough to be typed"


@pytest.mark.parametrize(
    ("known", "asked", "why"),
    [
        (Evidence(), Asked(), "no scores of normal images"),
        (evidence.of_scores([3.0, 4.0]), Asked(false_alarms=0.1), "only 2 normal images"),
        (evidence.of_scores([3.0]), Asked(), "only 1 normal image"),
        (Evidence([NormalScore(str(i), float(i), "burst") for i in range(4)]), Asked(), "all 4 normal images"),
        (evidence.of_scores([1.0, 2.0]), Asked(found=0.5), "painted"),
    ],
)
def test_a_limit_that_can_not_be_had_says_why(known, asked, why):
    found = choose(known, asked)
    assert found.value is None
    assert why in found.why
    assert why in sentences.about(found)
    assert choose(known, Asked(at=2.0)).value == 2.0


def test_where_all_normal_images_score_the_same_whatever_scores_higher_is_rejected():
    same = evidence.of_scores([16.0129471] * 20)
    found = choose(same, Asked(false_alarms=0.1))
    assert 16.0129471 < found.value < 16.0130
    assert found.expected.false_alarms.rate < 0.05 < found.expected.false_alarms.high
    assert choose(same, Asked()).value == found.value


def test_painted_defects_alone_allow_a_limit_that_finds_them():
    alone = Evidence((), PAINTED)
    found = choose(alone, Asked(found=0.9))
    assert found.expected.found >= 0.9
    assert found.expected.false_alarms is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"false_alarms": 0}, "greater than 0"),
        ({"false_alarms": 1}, "less than 1"),
        ({"found": 1}, "less than 1"),
        ({"found": float("nan")}, "less than 1"),
        ({"at": float("nan")}, "finite"),
        ({"at": float("inf")}, "finite"),
        ({"at": 2, "found": 0.5}, "--at and --found each choose the limit"),
    ],
)
def test_what_is_no_limit_is_a_wrong_option(given, why):
    with pytest.raises(UsageError, match=why):
        parse(LimitOptions, given, where="adtool decide")


def test_what_is_said_of_a_limit_names_what_is_expected_and_what_looks_odd():
    odd = Evidence([*NORMALS, NormalScore("train/good/odd", 500.0, "odd")], PAINTED)
    said = sentences.about(choose(odd, Asked(false_alarms=0.02)))
    assert "1 in 50" in said
    assert "1 of your 91 good parts looks odd: train/good/odd" in said
    assert "83 painted defects" in said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.01, "1 in 100"), (0.04, "1 in 25"), (0.15, "15 in 100"), (0.001, "1 in 1,000"), (0, "none"), (1, "all"),
     (0.1, "1 in 10"), (1e-9, "1 in 100,000")],
)  # fmt: skip
def test_shares_are_said_in_parts(share, said):
    assert sentences.one_in(share) == said


def test_a_limit_is_frozen_and_says_what_it_may_be():
    with pytest.raises(ValidationError):
        limit_file.Limit(value=1.0).value = 2.0
    with pytest.raises(ValueError, match="rule"):
        limit_file.Limit.of({"rule": "guess"})
