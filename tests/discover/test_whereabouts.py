import numpy as np
import pytest

from adtool.discover import looks, whereabouts
from adtool.discover.looks import Look

LEFT, RIGHT, MIDDLE, UPPER_LEFT = (0.5, 0.1), (0.5, 0.9), (0.5, 0.45), (0.1, 0.1)
QUARTERS = [(0.3, 0.3), (0.3, 0.7), (0.7, 0.3), (0.7, 0.7)]


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([LEFT] * 6, "mostly near the left edge"),
        ([LEFT] * 7 + [MIDDLE] * 3, "mostly near the left edge"),
        ([LEFT] * 6 + [MIDDLE] * 4, ""),
        ([LEFT] * 5, ""),  # too few
        ([(0.95, 0.5)] * 6, "mostly near the lower edge"),
        ([(0.05, 0.5)] * 6, "mostly near the upper edge"),
        ([RIGHT] * 6, "mostly near the right edge"),
        ([UPPER_LEFT] * 7 + [MIDDLE] * 2, "mostly in the upper left corner"),
        (QUARTERS * 3, "anywhere"),
        (QUARTERS * 2, ""),  # too few for that
        (QUARTERS[:3] * 5, ""),  # nothing in one quarter
        ([MIDDLE] * 20, ""),
        ([], ""),
    ],
)
def test_a_class_lies_where_most_of_its_members_do(places, words):
    assert whereabouts.in_words(places) == words


def test_the_place_is_that_of_the_peak():
    scores = np.zeros((20, 40), np.float32)
    scores[14:16, 4:8] = 30
    scores[2, 30] = 20
    assert whereabouts.of_map(scores) == pytest.approx((15 / 20, 6 / 40))


@pytest.mark.parametrize(
    ("look", "places", "words"),
    [
        (Look(True, 0.001, 1.2), [LEFT] * 6, "small dark spots, mostly near the left edge"),
        (Look(True, 0.001, 1.2), QUARTERS * 3, "small dark spots, anywhere"),
        (Look(True, 0.001, 1.2), [MIDDLE] * 6, "small dark spots"),
        (None, [LEFT] * 6, "mostly near the left edge"),
        (None, QUARTERS * 3, ""),
    ],
)
def test_the_look_comes_first_and_anywhere_is_said_of_what_has_one(look, places, words):
    assert looks.together([(look, place) for place in places]) == words
