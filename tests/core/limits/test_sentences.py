import pytest

from adtool.core.limits import sentences
from adtool.core.limits.limit_file import ExpectedForm, Limit, RateForm
from adtool.core.limits.part_counts import DecidedParts, PartCounts

RATE = RateForm(rate=0.01, low=0.002, high=0.04)


def decided(counts: PartCounts, rate: RateForm | None = RATE) -> DecidedParts:
    return DecidedParts(Limit(value=5.0, expected=ExpectedForm(false_alarms=rate)), counts)


@pytest.mark.parametrize(
    ("counts", "rate", "said"),
    [
        (
            PartCounts(221, 66, 150, 2, 71, 64),
            RATE,
            "The limit rejects 2 of 150 good parts (expected 1 in 100, probably at most 1 in 25) and finds 64 of 71 "
            "defective ones.",
        ),
        (PartCounts(2, 1, 1, 0, 1, 1), None, "The limit rejects 0 of 1 good part and finds 1 of 1 defective one."),
        (PartCounts(5, 5, 5, 5), None, "The limit rejects 5 of 5 good parts."),
        (PartCounts(5, 4, 0, 0, 5, 4), RATE, "The limit finds 4 of 5 defective parts."),
        (
            PartCounts(1200, 12),
            RATE,
            "The limit rejects 12 of 1,200 parts; of good parts it is expected to reject 1 in 100, probably at most "
            "1 in 25.",
        ),
        (PartCounts(80, 12), None, "The limit rejects 12 of 80 parts."),
    ],
)
def test_what_was_measured_is_said_and_not_the_target(counts, rate, said):
    assert sentences.measured([decided(counts, rate)]) == said


def test_limits_of_several_categories_are_summed_each_as_often_as_it_has_good_parts():
    other = RateForm(rate=0.05, low=0.03, high=0.08)
    both = [decided(PartCounts(4, 1, 3, 0, 1, 1)), decided(PartCounts(1, 1, 1, 1), other)]
    # (3 * 0.01 + 0.05) / 4 = 0.02; (3 * 0.04 + 0.08) / 4 = 0.05
    expected = "(expected 1 in 50, probably at most 1 in 20)"
    said = f"The limits of 2 categories reject 1 of 4 good parts {expected} and find 1 of 1 defective one."
    assert sentences.measured(both) == said
    unknown = [both[0], decided(PartCounts(1, 1, 1, 1), None)]
    assert "expected" not in sentences.measured(unknown)


@pytest.mark.parametrize(("rejected", "warns"), [(0, False), (4, False), (5, True), (8, True)])
def test_more_rejected_good_parts_than_chance_explains_are_said_with_what_to_do(rejected, warns):
    # Of 8 at .17 each: 4 or more by C(8,4) .17^4 .83^4 + ... = .028 + .005 = .033, 5 or more by .0046 + .0005 = .005.
    rate = RateForm(rate=0.05, low=0.01, high=0.17)
    said = sentences.unlike_learned({"gear": decided(PartCounts(8, rejected, 8, rejected), rate)})
    assert ("adtool maps --add-normals FOLDER" in said) == ("--false-alarms" in said) == bool(said) == warns


def test_of_several_categories_those_are_named_whose_good_parts_are_rejected():
    known = {
        "cap": decided(PartCounts(9, 0, 9, 0)),
        "gear": decided(PartCounts(9, 9, 9, 9)),
        "grille": decided(PartCounts(9, 9, 9, 9), None),
    }
    assert "That is more good parts of gear than chance explains" in sentences.unlike_learned(known)


def test_nothing_is_said_of_nothing():
    assert sentences.measured([]) == ""


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.01, 0.002, 0.04), ["1 in 100", "1 in 500", "1 in 25"]),
        ((0.02, 1 / 130, 0.13), ["2 in 100", "0.8 in 100", "13 in 100"]),
        ((0.1, 0.0), ["1 in 10", "none"]),
        ((0.5, 0.0, 1.0, 0.0001), ["50 in 100", "none", "all", "less than 0.1 in 100"]),
        ((0.01, 1.0), ["1 in 100", "all"]),
    ],
)
def test_shares_of_one_sentence_are_said_in_one_way(shares, said):
    assert sentences.alike(*shares) == said


def test_the_sentence_of_a_limit_has_one_way_to_say_shares():
    rate = RateForm(rate=0.02, low=1 / 130, high=0.13)
    stated = sentences.stated(decided(PartCounts(1, 1), rate).limit)
    assert "expected to reject 2 in 100, probably between 0.8 in 100 and 13 in 100, by" in stated
    measured = sentences.measured([decided(PartCounts(5, 1, 5, 1), rate)])
    assert "(expected 2 in 100, probably at most 13 in 100)" in measured
