from adtool.report.classes import LabelledClasses

GOOD = frozenset({"good"})


def test_each_class_is_matched_to_the_kind_that_makes_most_images_right():
    images = LabelledClasses(["good", "good", "hole", "hole", "scratch"], ["c1", "c1", "c2", "c1", "c3"], GOOD)
    assert images.matching == {"c1": "good", "c2": "hole", "c3": "scratch"}
    assert images.is_right.tolist() == [True, True, True, False, True]


def test_a_kind_is_given_to_one_class_only():
    images = LabelledClasses(["hole", "hole", "hole"], ["c1", "c1", "c2"], GOOD)
    assert images.matching == {"c1": "hole"}


def test_the_class_unknown_is_never_right():
    images = LabelledClasses(["hole", "hole", "good"], ["unknown", "unknown", "normal"], GOOD)
    assert images.matching == {"normal": "good"}
    assert images.is_right.tolist() == [False, False, True]


def test_nothing_is_right_if_every_class_is_unknown():
    images = LabelledClasses(["hole", "good"], ["unknown", "unknown"], GOOD)
    assert images.is_right.tolist() == [False, False]


def test_of_two_equally_good_matchings_the_one_right_for_more_defects_is_taken_whatever_the_names():
    # c1 holds one normal and one defect image, so it may stand for either.
    for kinds in (["good", "hole"], ["hole", "good"], ["zero", "hole"]):
        normal = frozenset({"good", "zero"})
        assert LabelledClasses(kinds, ["c1", "c1"], normal).matching == {"c1": "hole"}
