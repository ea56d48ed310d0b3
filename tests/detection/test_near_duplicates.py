"""Normal images that show the same thing are recognised, and parts that only lie alike are not."""

import cv2
import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.detection import holding_out, near_duplicates
from adtool.detection.near_duplicates import groups, structure


def surface(seed, shape=(120, 160)):
    rough = np.random.default_rng(seed).normal(size=shape)
    return cv2.GaussianBlur(rough, (0, 0), 3) * 200 + 120


def picture(grey):
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_the_same_surface_in_other_light_is_the_same_and_others_are_not():
    light = np.linspace(0, 60, 160)
    shown = [surface(0), surface(1), surface(0) * 0.8 + light, surface(2), surface(1) + 5]
    assert groups([structure(picture(one)) for one in shown]) == [0, 1, 0, 2, 1]


def test_aligned_parts_share_nearly_all_and_are_no_duplicates():
    part = surface(9)
    shown = [part + 0.15 * (surface(seed) - 120) for seed in range(8)]
    assert groups([structure(picture(one)) for one in shown]) == list(range(8))
    again = [*shown, shown[3] + 2]
    assert groups([structure(picture(one)) for one in again]) == [*range(8), 3]


def test_another_shape_is_another_image():
    grey = surface(0)
    wide = cv2.resize(grey, (300, 120))
    assert groups([structure(picture(one)) for one in (grey, wide, surface(1))]) == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count):
    assert groups([structure(picture(surface(0)))] * count) == [0] * count


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (3, 2), (900, 1)])
def test_images_of_any_size_have_a_structure(shape):
    assert np.isfinite(structure(picture(surface(0, shape))).values).all()


@pytest.mark.slow
def test_a_large_image_has_the_structure_of_a_small_one():
    grey = surface(0, (300, 380))
    large = cv2.resize(grey, (3040, 2400), interpolation=cv2.INTER_LINEAR)
    assert groups([structure(picture(one)) for one in (grey, surface(1, (300, 380)), large)]) == [0, 1, 0]


def test_plain_images_without_any_structure_are_compared_without_a_warning():
    plain = np.full((40, 40, 3), 7, np.uint8)
    assert len(groups([structure(plain)] * 3)) == 3


def test_more_than_are_compared_at_once_are_compared_block_by_block(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MOST_COMPARED", 3)
    shown = [structure(picture(surface(seed))) for seed in (0, 1, 0, 2, 2, 3, 4)]
    assert groups(shown) == [0, 1, 0, 2, 2, 3, 4]


def test_near_duplicates_of_what_is_held_out_are_held_out_too(tmp_path):
    samples = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        arrays.write_png(path, picture(surface(number // 2)))
        samples.append(Sample("parts", f"train/good/{number}", "train", "good", path))
    plain, _ = holding_out.hold_out(samples, 0, 0.25)
    held_out, learned, found = holding_out.split(samples, 0, 0.25)
    assert len(plain) == 3
    assert {one.id for one in plain} <= {one.id for one in held_out}
    assert not {found[one.image] for one in held_out} & {found[one.image] for one in learned}
    assert len(held_out) + len(learned) == 12


def test_parts_that_are_much_alike_are_no_duplicates_unless_nearly_all_is_the_same():
    same, other = surface(0) - 120, surface(1) - 120
    rest = [structure(picture(surface(seed))) for seed in range(2, 12)]

    def grouped(share):
        mixed = 120 + share * same + np.sqrt(1 - share**2) * other
        return groups([structure(picture(same + 120)), structure(picture(mixed)), *rest])

    assert grouped(0.9) == list(range(12)), "parts in the same pose reach nine tenths"
    assert grouped(0.99) == [0, *range(11)]


@pytest.mark.parametrize(("width", "alike"), [(165, True), (200, False)])
def test_a_tenth_wider_is_another_shape(width, alike):
    """The same picture, squeezed: the logarithm of width / height may differ by less than .1."""
    squeezed = cv2.resize(surface(0), (width, 120))
    rest = [structure(picture(surface(seed))) for seed in range(1, 6)]
    first, second, *_ = groups([structure(picture(surface(0))), structure(picture(squeezed)), *rest])
    assert (first == second) == alike


def test_surfaces_are_numbered_from_the_first_image_on():
    shown = [structure(picture(surface(seed))) for seed in (0, 1, 0, 2)]
    assert near_duplicates.surfaces(shown) == [0, 1, 0, 2]
