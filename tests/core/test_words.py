import pytest

from adtool.core.words import counted


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
