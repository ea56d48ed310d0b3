"""The part of pictures to look at, as it is noted and used."""

import numpy as np
import pytest

from adtool_runtime.errors import BadDataError
from adtool_runtime.pictures import reading
from adtool_runtime.pictures.look_at import OUTSIDE, LookAt
from adtool_runtime.pictures.reading import PictureReading


def test_a_rectangle_is_x_y_width_and_height_in_pixels_and_ends_at_the_border():
    inside = LookAt("2,1,3,9").inside((4, 6))
    assert [tuple(one) for one in np.argwhere(inside)] == [(y, x) for y in (1, 2, 3) for x in (2, 3, 4)]
    assert LookAt("2,1,3,9").share((4, 6)) == 9 / 24


def test_a_mask_survives_being_noted_and_is_brought_to_pictures_in_proportion():
    mask = np.zeros((20, 30), bool)
    mask[:10, 5:25] = True
    noted = PictureReading(look_at=LookAt.of_mask(mask)).as_json()
    back = reading.from_json(noted, "here").look_at
    assert back is not None
    assert np.array_equal(back.inside((20, 30)), mask)
    assert np.array_equal(back.inside((40, 60)), np.kron(mask, np.ones((2, 2), bool)))
    assert back.problem((41, 60)) == "", "a side may be rounded"
    assert "other proportions than 40 x 40 px" in back.problem((40, 40))
    assert str(back) == "a mask of 30 x 20 px (33% inside)"
    assert "look_at" not in PictureReading().as_json(), "notes of before stay as they are"


def test_outside_a_picture_is_grey_and_a_map_has_its_lowest_score():
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    shown = LookAt("1,0,2,1").shown(pixels)
    assert (shown[0, 1:3] == pixels[0, 1:3]).all()
    assert (shown[1] == OUTSIDE).all()
    assert (shown[0, [0, 3]] == OUTSIDE).all()
    scores = np.array([[9.0, 5, 6, 9], [0, 9, 9, 9]], np.float32)
    assert LookAt("1,0,2,1").only_inside(scores, (2, 4)).tolist() == [[5, 5, 6, 5], [5, 5, 5, 5]]


def test_a_part_that_is_smaller_than_a_place_of_the_map_keeps_the_place_it_is_in():
    assert np.argwhere(LookAt("50,10,3,3").on_map((100, 100), (10, 10))).tolist() == [[1, 5]]


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,0,4", "1,2,3,0", "-1,2,3,4", "1.5,2,3,4", "png:", "png:AAAA", "a"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(BadDataError, match="look-at"):
        LookAt(text)
    with pytest.raises(BadDataError, match=r"^model.json: .*Mend or remove 'look_at'"):
        reading.from_json({"look_at": text}, "model.json")


def test_a_black_mask_and_a_place_outside_are_refused():
    with pytest.raises(BadDataError, match="black"):
        LookAt.of_mask(np.zeros((3, 3), bool))
    with pytest.raises(BadDataError, match=r"9,0,2,2 lies outside of 9 x 5 px"):
        LookAt("9,0,2,2").inside((5, 9))
