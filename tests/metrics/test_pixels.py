from collections.abc import Iterator

import numpy as np
import pytest

from adtool.core.errors import BadDataError
from adtool.metrics.pixels import Pixels


def _floats(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def _mask(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, dtype=bool)


def test_pixels_of_two_sizes_are_pooled_and_sorted():
    first = _floats([[3, 1], [2, 9]]), _mask([[0, 0], [0, 1]])
    second = _floats([[5, 0, 7]]), _mask([[0, 0, 1]])
    pixels = Pixels.of([first, second])
    assert pixels.normals.tolist() == [0, 1, 2, 3, 5]
    assert pixels.defects.tolist() == [7, 9]
    assert pixels.regions.tolist() == [1, 0]  # 7 lies in the second image's region
    assert (pixels.n_images, pixels.n_pixels, pixels.n_regions) == (2, 7, 2)


def test_pixels_that_meet_at_a_corner_are_one_region():
    mask = _mask([[1, 0, 0, 1], [0, 1, 0, 1]])
    pixels = Pixels.of([(np.zeros((2, 4), np.float32), mask)])
    assert sorted(pixels.areas_px.tolist()) == [2, 2]


def test_regions_of_two_images_are_not_joined():
    pair = np.zeros((2, 2), np.float32), np.ones((2, 2), bool)
    pixels = Pixels.of([pair, pair])
    assert pixels.areas_px.tolist() == [4, 4]
    assert pixels.n_pixels == 8


def test_no_images_give_empty_pixels():
    pixels = Pixels.of([])
    assert (pixels.n_images, pixels.n_pixels, pixels.n_regions) == (0, 0, 0)
    assert np.isnan(pixels.tie_share)


def test_images_are_asked_for_one_at_a_time_and_left_as_they_are():
    scores = _floats([[2, 1], [4, 3]])

    def images() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(20):
            yield scores, _mask([[0, 0], [0, 1]])

    pixels = Pixels.of(images())
    assert pixels.normals.tolist() == [1] * 20 + [2] * 20 + [4] * 20
    assert scores.tolist() == [[2, 1], [4, 3]]


def test_the_tie_share_counts_pairs_of_equal_scores():
    # Of 2 x 2 pairs, the defect at 1 ties with the normal at 1.
    pixels = Pixels.of([(_floats([[1, 0, 1, 2]]), _mask([[0, 0, 1, 1]]))])
    assert pixels.tie_share == 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    good = np.zeros((1, 2), np.float32), np.zeros((1, 2), bool)
    with pytest.raises(BadDataError, match=r"Image 2: the scores hold NaN or infinite"):
        Pixels.of([good, (_floats([[0, bad]]), good[1])])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(BadDataError, match=r"scores \(2, 2\) and mask \(2, 3\)"):
        Pixels.of([(np.zeros((2, 2), np.float32), np.zeros((2, 3), bool))])
