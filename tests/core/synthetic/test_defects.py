from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.core.arrays import read_image
from adtool.core.errors import UsageError
from adtool.core.synthetic import defects
from adtool.core.synthetic.defects import (
    EVERY,
    FAINT_KINDS,
    JUDGING_KINDS,
    KINDS,
    find_part,
    find_part_coarsely,
    paint,
    paint_within,
)

MTD = Path(__file__).parents[4] / "shared" / "data" / "mtd_raw" / "MT_Free" / "Imgs"


def surface(height=120, width=160, *, grey=False, seed=0):
    rng = np.random.default_rng(seed)
    base = np.full((height, width, 3), 120.0 if grey else (90.0, 120.0, 150.0))
    return np.clip(base + rng.normal(0, 3, (height, width, 1)), 0, 255).astype(np.uint8)


def disc(height=120, width=160, radius=40):
    y, x = np.mgrid[:height, :width]
    part = np.hypot(y - height / 2, x - width / 2) < radius
    image = np.where(part[..., None], (60, 110, 170), (210, 205, 200)).astype(np.uint8)
    return image, part


def changed(before, after):
    return np.abs(after.astype(int) - before).max(axis=2)


@pytest.mark.parametrize("kind", [*KINDS, *JUDGING_KINDS])
def test_the_mask_holds_what_changed_visibly_and_little_else(kind):
    image = surface()
    for seed in range(5):
        painted, mask = paint(image, kind, np.random.default_rng(seed))
        change = changed(image, painted)
        near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        assert mask.sum() >= 6
        assert mask.mean() < 0.2
        assert np.mean(change[mask] >= 3) > 0.75
        assert np.mean(change[~near] > 15) < 0.002


@pytest.mark.parametrize("kind", FAINT_KINDS)
def test_a_large_faint_defect_is_marked_as_a_patch_of_which_a_part_is_seen(kind):
    image = surface(256, 256)
    masks = []
    for seed in range(5):
        painted, mask = paint(image, kind, np.random.default_rng(seed))
        assert np.mean(changed(image, painted)[mask] >= 3) > 0.15
        masks.append(mask)
        filled = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
        assert mask.sum() / filled.sum() > 0.9  # no holes between its marks
    assert np.median([mask.mean() for mask in masks]) > 0.01


@pytest.mark.parametrize("kind", EVERY)
def test_a_seed_gives_the_same_defect_and_the_input_is_left_alone(kind):
    image = surface()
    kept = image.copy()
    first, second = (paint(image, kind, np.random.default_rng(5)) for _ in range(2))
    other, _ = paint(image, kind, np.random.default_rng(6))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(image, kept)
    assert (other != first[0]).any()


@pytest.mark.parametrize("kind", EVERY)
def test_a_grey_picture_stays_grey(kind):
    painted, _ = paint(surface(grey=True), kind, np.random.default_rng(1))
    assert (painted.max(axis=2) - painted.min(axis=2)).max() == 0


@pytest.mark.parametrize("kind", EVERY)
def test_a_defect_stays_on_the_part(kind):
    image, part = disc()
    beside = cv2.dilate(part.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    for seed in range(4):
        painted, mask = paint(image, kind, np.random.default_rng(seed), part=part)
        assert mask.any()
        assert not (mask & ~part).any()
        assert changed(image, painted)[~beside].max() == 0


def test_a_chip_shows_the_ground_where_the_part_was():
    image, part = disc()
    painted, mask = paint(image, "chip", np.random.default_rng(0), part=part)
    ground, own = (
        np.abs(painted[mask].astype(int) - colour).sum(axis=1) for colour in ((210, 205, 200), (60, 110, 170))
    )
    assert np.mean(ground < own) > 0.8


def test_more_contrast_changes_more_and_more_size_covers_more():
    image = surface(256, 256)
    for kind in ("crack", "stain", "scratch", "hole"):
        faint, strong = (paint(image, kind, np.random.default_rng(2), contrast=c) for c in (0.5, 1.5))
        both = faint[1] & strong[1]
        assert changed(image, strong[0])[both].mean() > 1.2 * changed(image, faint[0])[both].mean()
        small, large = (
            np.mean([paint(image, kind, np.random.default_rng(k), size=s)[1].sum() for k in range(6)])
            for s in (0.5, 1.5)
        )
        assert large > 1.8 * small


@pytest.mark.parametrize("shape", [(16, 16), (17, 200), (200, 17), (33, 64)])
@pytest.mark.parametrize("kind", EVERY)
def test_small_and_narrow_pictures_can_be_painted(kind, shape):
    painted, mask = paint(surface(*shape), kind, np.random.default_rng(0))
    assert painted.shape == (*shape, 3)
    assert mask.any()


def test_defects_grow_with_the_picture():
    small, large = (
        np.mean([paint(surface(n, n), "hole", np.random.default_rng(k))[1].mean() for k in range(8)])
        for n in (128, 512)
    )
    assert large == pytest.approx(small, rel=0.35)


def test_where_nothing_can_be_seen_the_mask_is_empty_and_the_picture_unchanged():
    black = np.zeros((64, 64, 3), np.uint8)
    painted, mask = paint(black, "crack", np.random.default_rng(0))  # black can't be darkened
    assert not mask.any()
    np.testing.assert_array_equal(painted, black)


def test_an_empty_part_means_everywhere():
    _, mask = paint(surface(), "hole", np.random.default_rng(0), part=np.zeros((120, 160), dtype=bool))
    assert mask.any()


def test_an_unknown_kind_is_an_error_that_names_the_known_ones():
    with pytest.raises(UsageError, match=r"no painted defect 'rust'.*scratch"):
        paint(surface(), "rust", np.random.default_rng(0))


def test_the_part_is_found_in_front_of_an_even_ground():
    image, part = disc()
    found = find_part(image)
    assert (found & part).sum() / (found | part).sum() > 0.93


def test_a_surface_without_a_ground_is_part_everywhere():
    assert find_part(surface()).all()
    assert find_part(np.zeros((40, 40, 3), np.uint8)).all()
    rng = np.random.default_rng(0)
    assert find_part(rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)).all()


@pytest.mark.real
@pytest.mark.skipif(not MTD.exists(), reason="no MTD here")
@pytest.mark.parametrize("kind", [*KINDS, *JUDGING_KINDS, "shade"])
def test_every_kind_is_seen_on_magnetic_tiles(kind):
    for k, path in enumerate(sorted(MTD.glob("*.jpg"))[::240]):
        image = read_image(path)
        painted, mask = paint(image, kind, np.random.default_rng(k), part=find_part(image), contrast=0.5)
        assert mask.any()
        assert mask.mean() < 0.25
        assert changed(image, painted)[mask].mean() > 5


def test_a_defect_within_a_window_is_one_of_a_picture_of_that_size():
    image = surface(400, 300)
    for kind in KINDS:
        painted, mask = paint_within(image, kind, np.random.default_rng(1), 80, size=1.0, contrast=1.0)
        rows, columns = np.nonzero(changed(image, painted))
        assert max(np.ptp(rows), np.ptp(columns)) < 80
        assert 6 <= mask.sum() < 0.2 * 80**2


def test_within_a_window_a_defect_lies_on_the_part():
    image, part = disc(200, 320, 50)
    for seed in range(5):
        _, mask = paint_within(image, "hole", np.random.default_rng(seed), 64, size=0.5, contrast=1.0)
        assert mask.any()
        assert part[mask].all()


def test_the_part_of_a_large_picture_is_found_on_a_smaller_copy(monkeypatch):
    image, part = disc(200, 320, 60)
    assert (find_part_coarsely(image) == find_part(image)).all()
    monkeypatch.setattr(defects, "LEAST_PIXELS", 100 * 160)
    assert np.mean(find_part_coarsely(image) != part) < 0.02
