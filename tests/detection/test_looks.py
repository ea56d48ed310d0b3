"""How pictures look as a whole, beside the good parts that were learned from."""

import cv2
import numpy as np
import pytest

from adtool.core import files
from adtool.core.errors import BadDataError
from adtool.core.layout import ModelFolder
from adtool.detection import looks

CHANGES = {
    looks.DARKER: lambda image: (image * 0.8).astype(np.uint8),
    looks.BRIGHTER: lambda image: (image * 1.2).astype(np.uint8),
    looks.BLURRED: lambda image: cv2.GaussianBlur(image, (0, 0), 2.0),
    looks.NOISIER: lambda image: np.clip(image + np.random.default_rng(1).normal(0, 9, image.shape), 0, 255).astype(
        "u1"
    ),
    looks.MOVED: lambda image: np.roll(image, 8, axis=1),
}


def part(seed):
    """A plate with holes, photographed in about the same light from about the same place."""
    rng = np.random.default_rng(seed)
    image = np.full((128, 128), 140 + rng.normal(0, 3))
    for row in (20, 50, 80, 110):
        for column in (25, 64, 100):
            image[row - 7 : row + 7, column - 7 : column + 7] = 60
    image = np.roll(image, rng.integers(-1, 2, 2), (0, 1)) + rng.normal(0, 3, image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def usual():
    return looks.usual([looks.look(part(seed)) for seed in range(40)], 40)


def ways(usual, pictures):
    return {one.how: one.pictures for one in usual.changes([looks.look(one) for one in pictures])}


@pytest.mark.parametrize("how", CHANGES)
def test_each_change_of_light_or_camera_is_named(usual, how):
    assert len(ways(usual, [CHANGES[how](part(seed)) for seed in range(100, 120)])[how]) > 10


def test_good_parts_and_parts_with_a_defect_are_as_usual(usual):
    good, odd = [part(seed) for seed in range(100, 120)], [part(seed) for seed in range(200, 220)]
    for image in odd:
        image[40:60, 40:75] = 20
    assert ways(usual, good) == {}
    assert ways(usual, odd) == {}


def test_one_picture_alone_is_told_of_if_it_is_far_from_all(usual):
    assert ways(usual, [(part(100) * 0.6).astype(np.uint8)]) == {looks.DARKER: [0]}
    assert looks.usual([looks.look(part(seed)) for seed in range(19)], 19).changes([looks.look(part(0) // 2)]) == []


def test_false_alarms_are_as_rare_as_said():
    rng = np.random.default_rng(0)
    flat, plan = np.zeros(looks.CELLS**2, np.float32), np.zeros((looks.PLAN, looks.PLAN), np.float32)

    def some(count):
        return [looks.Look(flat + np.float32(value), flat, plan) for value in rng.normal(size=count)]

    rounds = [looks.usual(some(30), 30).changes(some(40)) for _ in range(60)]
    assert sum(map(bool, rounds)) <= 1


def test_too_few_good_parts_say_nothing():
    assert looks.usual([looks.look(part(seed)) for seed in range(4)], 4) is None


def test_parts_that_are_added_widen_what_is_usual(usual):
    dark = [looks.look((part(seed) * 0.8).astype(np.uint8)) for seed in range(60, 80)]
    wider = usual.extended(dark, 20)
    assert wider.learned == 60
    assert looks.DARKER not in {one.how for one in wider.changes(dark)}
    assert usual.extended([], 0) is usual


def test_what_is_written_is_read_again_and_damage_is_said(usual, tmp_path):
    folder = ModelFolder(tmp_path / "models/patchcore/part")
    assert looks.read(folder) is None
    looks.write(folder, usual)
    moved = [CHANGES[looks.MOVED](part(seed)) for seed in range(100, 120)]
    assert ways(looks.read(folder), moved) == ways(usual, moved)
    files.write_json(folder.looks, {**files.read_json(folder.looks), "sharpness": [1.0]})
    with pytest.raises(BadDataError, match=r"looks.json is damaged \(sharpness.*Remove it to do without"):
        looks.read(folder)
    looks.write(folder, None)
    assert looks.read(folder) is None


def test_a_picture_of_one_grey_is_no_trouble():
    flat = looks.look(np.full((7, 300, 3), 90, np.uint8))
    assert (flat.brightness == 90).all()
    assert looks.usual([flat] * 30, 30).changes([flat] * 3) == []


def test_so_many_new_pictures_are_beyond_all_known_ones_by_chance_as_a_draw_says():
    # Of three new and five known pictures the two most extreme ones are both new: 3/8 for one, then 2/7 for the other.
    assert looks._chance(2, 3, 5) == pytest.approx(3 / 8 * 2 / 7)
    assert looks._chance(0, 3, 5) == 1
    assert looks._chance(3, 3, 1000) < 1e-8
