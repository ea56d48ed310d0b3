from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.synthetic import defects
from adtool.refine.synthetic_defects import CHANGES, PaintingSettings, draw


@pytest.fixture
def image():
    grey = np.random.default_rng(0).integers(90, 120, (64, 96))
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("structural", [0.0, 1.0])
def test_only_masked_pixels_and_their_rim_change_and_the_same_seed_gives_the_same(image, structural):
    painted, mask = draw(image, PaintingSettings(clean=0, structural=structural), np.random.default_rng(3))
    again, same = draw(image, PaintingSettings(clean=0, structural=structural), np.random.default_rng(3))
    assert mask.any()
    assert not mask.all()
    assert np.array_equal(painted, again)
    assert np.array_equal(mask, same)
    assert (painted != image).any(axis=2)[mask].mean() > 0.5
    assert (painted != image).any(axis=2)[~mask].mean() < 0.3


def test_a_blended_texture_changes_nothing_beside_its_mask(image):
    painted, mask = draw(image, PaintingSettings(clean=0, structural=0), np.random.default_rng(5))
    assert np.array_equal(painted[~mask], image[~mask])


def test_the_share_of_clean_images_is_as_asked(image):
    drawn = [draw(image, PaintingSettings(clean=0.5), np.random.default_rng([9, i])) for i in range(60)]
    clean = [np.array_equal(painted, image) and not mask.any() for painted, mask in drawn]
    assert 15 <= sum(clean) <= 45


def test_a_share_of_structural_defects_is_large_and_faint(image, monkeypatch):
    drawn = []

    def paint(picture, kind, *_, **__):
        drawn.append(kind)
        return picture, picture[..., 0] > 0

    monkeypatch.setattr(defects, "paint", paint)
    for seed in range(60):
        draw(image, PaintingSettings(clean=0, structural=1, faint=0.5), np.random.default_rng(seed))
    assert 0.3 < np.mean([kind in defects.FAINT_KINDS for kind in drawn]) < 0.7
    assert not set(defects.JUDGING_KINDS) & set(drawn)


def test_a_grey_image_stays_grey(image):
    for seed in range(12):
        painted, _ = draw(image, PaintingSettings(clean=0, structural=0), np.random.default_rng(seed))
        assert np.ptp(painted.astype(int), axis=2).max() == 0


def test_textures_of_a_folder_are_used(image, tmp_path):
    red = np.zeros((50, 40, 3), np.uint8)
    red[..., 0] = 255
    arrays.write_png(tmp_path / "red.png", red)
    colour = image.copy()
    colour[0, 0] = (1, 2, 3)  # not grey, so that the texture keeps its colour
    recipe = PaintingSettings(clean=0, structural=0, textures=(Path(tmp_path / "red.png"),))
    found = [draw(colour, recipe, np.random.default_rng(seed)) for seed in range(12)]
    spread = [np.ptp(painted.astype(int), axis=2)[mask].max() for painted, mask in found if mask.any()]
    assert max(spread) > 30


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_every_change_gives_a_picture_of_the_same_size(image, number):
    from PIL import Image

    changed = CHANGES[number](Image.fromarray(image), np.random.default_rng(0))
    assert (changed.size, changed.mode) == ((96, 64), "RGB")


@pytest.mark.parametrize("shape", [(7, 300, 3), (8, 8, 3)])
def test_odd_sizes_are_painted(shape):
    plain = np.full(shape, 100, np.uint8)
    for seed in range(6):
        painted, mask = draw(plain, PaintingSettings(clean=0), np.random.default_rng(seed))
        assert (painted.shape, mask.shape) == (shape, shape[:2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 5)])
def test_the_thinnest_pictures_can_be_painted_on(shape):
    image = np.random.default_rng(0).integers(90, 160, (*shape, 3), dtype=np.uint8)
    for seed in range(40):
        painted, mask = draw(image, PaintingSettings(clean=0.1), np.random.default_rng(seed))
        assert painted.shape == image.shape
        assert mask.shape == shape
