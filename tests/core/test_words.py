import pytest

from adtool.core.words import also, counted, none_of, subject


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


def test_of_one_it_is_not_said_that_none_is():
    assert none_of(6, "image", "of a", "can be read") == "None of the 6 images of a can be read"
    assert none_of(1, "image", "of a", "can be read") == "The only image of a can't be read"
    assert none_of(1, "image", "in new", "could be read") == "The only image in new could not be read"


def test_what_else_an_error_holds_for_is_said_behind_it():
    assert also([]) == ""
    assert also(list("abcdefg")) == " The same holds for 7 more: a, b, c, d, e and 2 more."
