import pytest

from adtool.core.words import also, counted, subject


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (0, "category", "0 categories"),
        (2, "day", "2 days"),
        (2000, "part", "2,000 parts"),
    ],
)
def test_numbers_agree_with_their_nouns(number, noun, said):
    assert counted(number, noun) == said


@pytest.mark.parametrize(("number", "said"), [(1, "1 image has"), (0, "0 images have"), (2, "2 images have")])
def test_verbs_agree_with_their_numbers(number, said):
    assert subject(number, "image", "has", "have") == said


def test_what_else_an_error_holds_for_is_said_behind_it():
    assert also([]) == ""
    assert also(list("abcdefg")) == " The same holds for 7 more: a, b, c, d, e and 2 more."
