import cv2
import numpy as np
import pytest

from adtool_runtime import drawing
from adtool_runtime.drawing import OUTLINE, ColourScale

GREY = np.full((60, 90, 3), 120, np.uint8)


def _cyan(image: np.ndarray) -> np.ndarray:
    return (image == OUTLINE).all(axis=2)


@pytest.mark.parametrize(("side", "size"), [(45, (30, 45)), (1, (1, 1)), (90, (60, 90)), (500, (60, 90))])
def test_an_image_is_shrunk_and_never_enlarged(side, size):
    assert drawing.shrink(GREY, side).shape[:2] == size


def test_the_outline_runs_around_the_mask_and_leaves_the_defect_visible():
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:60] = True
    cyan = _cyan(drawing.outline(GREY, mask))
    assert cyan[20, 30:60].all()
    assert not cyan[25:35, 35:55].any()
    assert not cyan[:15].any()


def test_a_defect_of_one_pixel_is_outlined_in_a_much_smaller_picture():
    for x in range(0, 900, 37):
        mask = np.zeros((600, 900), bool)
        mask[300, x] = True
        assert _cyan(drawing.outline(GREY, mask)).any(), x


def test_the_higher_the_score_the_brighter_and_no_score_leaves_the_image_in_grey():
    scores = np.repeat(np.linspace(0, 4, 90, dtype=np.float32)[None], 60, axis=0)
    drawn = drawing.heat(GREY, scores, ColourScale(1, 3))
    assert (drawn[:, :20] == 120).all()
    red = drawn[30, :, 0].astype(int)
    assert 120 < red[30] < red[38] < red[45]
    assert (drawn[:, 70:] == drawn[:, 89:]).all()  # above the scale nothing changes any more


def test_a_scale_without_width_draws_nothing_that_is_not_above_it():
    drawn = drawing.heat(GREY, np.zeros((3, 3), np.float32), ColourScale(0, 0))
    assert (drawn == 120).all()


def test_a_picture_is_webp_of_its_own_size_and_colour():
    data = drawing.encode(np.full((20, 30, 3), (200, 30, 30), np.uint8), 80)
    assert data[8:12] == b"WEBP"
    back = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert back.shape == (20, 30, 3)
    assert np.abs(back.astype(int) - (200, 30, 30)).max() < 20


def test_a_category_without_any_heat_is_drawn():
    image = np.zeros((4, 4, 3), np.uint8)
    drawn = drawing.heat(image, np.full((4, 4), -7.0, np.float32), drawing.ColourScale(0.7, 0.6))
    assert drawn.shape == image.shape
