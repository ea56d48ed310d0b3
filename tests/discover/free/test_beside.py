import numpy as np
import pytest

from adtool.discover.free import beside
from adtool.discover.free.features import Item


def guide(*peaks):
    """10 x 30, 0 but for squares of 3 x 3: (column, height)."""
    found = np.zeros((10, 30), np.float32)
    for column, height in peaks:
        found[4:7, column : column + 3] = height
    return found


def test_a_further_spot_stands_alone_in_its_guide():
    [one] = beside.guides(guide((2, 10), (20, 7)))
    assert one.max() == 7
    assert one[:, :10].max() == 0  # where the highest one was
    assert one[5, 21] == 7


def test_faint_and_single_spots_have_none_beside_them():
    assert beside.guides(guide((2, 10))) == []
    assert beside.guides(guide((2, 10), (20, 5.5))) == []  # a spot, but lower than .6 of the highest
    assert beside.guides(np.ones((4, 4), np.float32)) == []


def test_of_many_the_highest_are_taken_highest_first():
    found = beside.guides(guide((1, 10), (8, 7), (15, 9), (22, 8)))
    assert [one.max() for one in found] == [9, 8]


def test_further_spots_are_items_of_their_own():
    image = np.zeros((10, 30, 3), np.uint8)
    items = [Item("a", lambda: (image, guide((2, 10))), "a"), Item("b", lambda: (image, guide((2, 10), (20, 7))), "b")]
    found, owners = beside.items(items, np.array([0, 1]))
    assert [(one.key, one.image) for one in found] == [("b+1", "b")]
    assert owners.tolist() == [1]
    assert found[0].load()[1].max() == pytest.approx(7)
