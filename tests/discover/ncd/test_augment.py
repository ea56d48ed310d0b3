import numpy as np
import pytest

from adtool.discover.ncd import augment

SIDE = 28


def marked():
    """A grey picture with a white corner, and the mask of the corner."""
    mask = np.zeros((64, 64), np.float32)
    mask[:20, :24] = 1
    image = np.full((64, 64, 3), 60, np.uint8)
    image[mask > 0] = 250
    return image, mask


def test_the_plain_view_is_the_whole_crop():
    pixels, inside = augment.plain_view(*marked(), SIDE)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert inside.mean() == pytest.approx(20 * 24 / 64**2, abs=1e-3)


def test_the_centre_view_is_resized_to_256_parts_and_its_inner_224_are_seen():
    pixels, inside = augment.centre_view(*marked(), 224)
    assert pixels.shape == (224, 224, 3)
    # The corner of 24 x 20 pixels of 64 is 96 x 80 of 256, and 16 of them are cut off on each side.
    assert inside.sum(axis=1).max() == pytest.approx(80, abs=1)
    assert inside.sum(axis=0).max() == pytest.approx(64, abs=1)


@pytest.mark.parametrize("seed", range(8))
def test_the_mask_stays_on_what_it_marks(seed):
    pixels, inside = augment.random_view(*marked(), SIDE, np.random.default_rng(seed))
    assert pixels.shape == (SIDE, SIDE, 3)
    grey = pixels.mean(axis=2)
    assert grey[inside > 0.9].min() > grey[inside < 0.1].max()


def test_views_turn_and_mirror():
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(40):
        _, inside = augment.random_view(*marked(), SIDE, rng)
        y, x = np.argwhere(inside > 0.9).mean(axis=0) > SIDE / 2
        corners.add((bool(y), bool(x)))
    assert len(corners) == 4


def test_the_same_seed_gives_the_same_view():
    one, two = (augment.random_view(*marked(), SIDE, np.random.default_rng(1))[0] for _ in range(2))
    assert (one == two).all()


def test_another_light_stays_within_eight_bits_and_darkens_or_brightens():
    rng = np.random.default_rng(0)
    means = [augment.relight(np.full((8, 8, 3), 128, np.uint8), rng).mean() for _ in range(30)]
    assert min(means) < 110 < 145 < max(means)
    assert augment.relight(np.full((8, 8, 3), 255, np.uint8), rng).max() <= 255
