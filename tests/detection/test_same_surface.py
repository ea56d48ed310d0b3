"""A surface that is photographed again is recognised by its detail; parts that only lie alike are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.detection import same_surface
from adtool.detection.near_duplicates import groups, structure, surfaces
from adtool.detection.normal_images import NormalImages


def noise(seed, sigma, strength, side=256):
    rough = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(side, side)), (0, 0), sigma)
    return strength * rough / rough.std()


def outline(angle=0.0):
    """A part whose outline is strong against its detail."""
    grey = np.full((256, 256), 90.0)
    box = cv2.boxPoints(((128, 128), (150, 60), angle)).astype(np.int32)
    cv2.fillPoly(grey, [box], 190.0)
    return cv2.GaussianBlur(grey, (0, 0), 2)


def structures(greys):
    return [structure(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)) for grey in greys]


def again(grey, seed):
    """The same in another light, from a little beside, and with other reflections."""
    moved = cv2.warpAffine(grey, np.float64([[1, 0, 3], [0, 1, -2]]), (256, 256), borderMode=cv2.BORDER_REFLECT)
    return 0.7 * moved + np.linspace(0, 50, 256) + noise(seed, 8, 3)


def test_the_same_surface_from_a_little_beside_is_the_same_though_the_images_are_less_alike():
    plain = [120 + noise(seed, 2, 6) + noise(seed + 90, 5, 12) for seed in range(12)]
    shown = structures([*plain, again(plain[3], 50), again(plain[3], 51), again(plain[7], 52)])
    assert surfaces(shown) == [*range(12), 3, 3, 7]
    assert groups(shown) == list(range(15)), "they are no near duplicates"


def test_parts_in_the_same_pose_are_not_the_same():
    posed = [outline(15 * (seed % 6)) + noise(seed, 1.5, 3) for seed in range(24)]
    numbers = same_surface.groups([one.detail for one in structures(posed)], alike_by_sixes(24))
    assert len(set(numbers)) == 24


def test_smooth_parts_match_whichever_they_are():
    posed = [outline(15 * (seed % 6)) + noise(seed, 1.5, 0.2) for seed in range(24)]
    assert len(set(same_surface.groups([one.detail for one in structures(posed)], alike_by_sixes(24)))) == 24


@pytest.mark.slow
def test_poses_that_pass_into_each_other_are_not_the_same():
    wide = 120 + noise(0, 2, 30, 700)
    turned = [cv2.getRotationMatrix2D((350, 350), 3.0 * step, 1) for step in range(30)]
    shown = structures([cv2.warpAffine(wide, matrix, (700, 700))[222:478, 222:478] for matrix in turned])
    assert len(set(surfaces(shown))) == 30


def alike_by_sixes(count):
    """Correlation of images as a whole, where every sixth lies like the first."""
    return np.where(np.subtract.outer(np.arange(count), np.arange(count)) % 6 == 0, 0.9, 0.1)


@pytest.mark.parametrize("grey", [np.zeros((256, 256), np.float32), np.full((4, 900), 7, np.float32)])
def test_what_shows_nothing_matches_nothing(grey):
    plain = same_surface.detail(grey)
    assert same_surface.match(plain, plain) == 0


def test_images_that_are_all_alike_are_left_to_the_comparison_as_a_whole():
    shown = [same_surface.detail(noise(0, 2, 15).astype(np.float32))] * 6
    assert same_surface.groups(shown, np.ones((6, 6))) == list(range(6))


def test_images_whose_surface_others_show_are_counted():
    plain = [120 + noise(seed, 2, 6) + noise(seed + 90, 5, 12) for seed in range(12)]
    shown = structures([*plain, plain[5], again(plain[3], 50), again(plain[3], 51), again(plain[7], 52)])
    normals = NormalImages([], None, None, structures={Path(str(i)): one for i, one in enumerate(shown)})
    assert normals.shown_again() == 5, "of two surfaces three and two; the copy of another is left out with it"
