"""One scale of colours a category."""

import numpy as np
import pytest

from adtool.core import colours


def test_maps_speak_for_themselves_where_image_scores_are_in_another_unit():
    maps = {"a": np.array([[0.0, 0.5, 0.9]], np.float32), "b": np.zeros((1, 3), np.float32)}
    scale = colours.scale_of(list(maps), maps.__getitem__, None, 50.0)
    assert 0.25 <= scale.low < scale.high < 0.9


@pytest.mark.parametrize(("limit", "high"), [(None, 20.0), (8.0, 20.0), (40.0, 50.0)])
def test_a_part_at_the_limit_is_never_drawn_as_full_heat(limit, high):
    maps = {"a": np.array([[0.0, 1.0, 90.0]]), "b": np.array([[0.0, 0.0, 90.0]]), "c": np.array([[-1.0, -1.0, 90.0]])}
    scale = colours.scale_of(list(maps), maps.__getitem__, [20.0] * 3, limit)
    assert (scale.low, scale.high) == (0.0, high), "an ordinary map's middle is 0; 40 lies at 1 / 1.25 of the way"


def test_heat_is_not_faint_because_parts_are_more_unusual_than_their_brightest_pixel():
    """A score of the whole map or of its places may lie far above the map."""
    maps = {name: np.array([[0.0, 0.0, 9.0]]) for name in "ab"}
    assert colours.scale_of(list(maps), maps.__getitem__, [300.0] * 2, None).high == 9
