"""Words for what defects look like, on pictures whose defects are known."""

import cv2
import numpy as np
import pytest

from adtool.discover import looks
from adtool.discover.looks import Look


def seen(draw, level, shape=(100, 200), noise=0):
    """What is seen of a defect drawn on grey 120; its map is far wider, as maps are."""
    mask = np.zeros(shape, np.uint8)
    draw(mask)
    grey = np.where(mask > 0, level, 120.0) + np.random.default_rng(0).normal(0, noise, shape)
    image = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    scores = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 6)[::2, ::2]
    return looks.look_at(image, scores)


def disk(mask):
    cv2.circle(mask, (60, 50), 4, 1, -1)


def bar(mask):
    mask[49:52, 40:80] = 1


def test_a_dark_disk_is_a_small_dark_spot_though_its_map_is_wide():
    found = seen(disk, 40)
    assert found.is_dark
    assert found.share == pytest.approx(49 / 20000, rel=0.3)  # a disk of radius 4 has 49 pixels
    assert found.ratio == pytest.approx(1, abs=0.1)
    assert found.words == {"small", "dark", "spots"}


def test_a_bright_bar_is_a_line():
    found = seen(bar, 220)
    assert not found.is_dark
    assert found.ratio > 5
    assert "lines" in found.words


def test_a_large_picture_is_seen_smaller():
    found = seen(lambda mask: cv2.circle(mask, (1200, 1000), 80, 1, -1), 40, shape=(2000, 4000))
    assert found.share == pytest.approx(np.pi * 80**2 / 8e6, rel=0.3)


@pytest.mark.parametrize("level", [120, 125])
def test_nothing_is_said_of_what_does_not_stand_out(level):
    assert seen(disk, level, noise=10) is None


def test_a_map_that_is_the_same_everywhere_has_no_surroundings():
    assert looks.look_at(np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), np.float32)) is None


SPOT, LINE, PALE = Look(True, 0.001, 1.2), Look(True, 0.001, 8.0), Look(False, 0.1, 2.5)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([SPOT] * 4, "small dark spots"),
        ([LINE] * 7 + [SPOT] * 3, "small dark lines"),
        ([LINE] * 6 + [SPOT] * 4, "small dark marks"),
        ([PALE] * 4, "bright marks"),
        ([SPOT] * 5 + [PALE] * 5, ""),
        ([SPOT] * 4 + [None] * 4, "small dark spots"),
        ([SPOT] * 4 + [None] * 5, ""),
        ([SPOT] * 3, ""),
        ([], ""),
    ],
)
def test_a_class_is_called_what_most_of_its_clear_members_are(members, words):
    assert looks.in_words(members) == words
