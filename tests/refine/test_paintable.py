"""Images that are painted on: large ones smaller, the part found once, and the same pictures as without all that."""

import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.synthetic import defects
from adtool.core.synthetic.defects import handy
from adtool.refine import synthetic_defects, validation
from adtool.refine.paintable import PaintableImages
from adtool.refine.synthetic_defects import PaintingSettings
from adtool_runtime import parallel

PAINT = PaintingSettings(clean=0.2)


@pytest.fixture
def normals(tmp_path):
    """Two images of a bright part on even ground, (64, 96)."""
    samples = []
    for number in range(2):
        image = np.full((64, 96, 3), 20, np.uint8)
        grey = np.random.default_rng(number).integers(120, 150, (40, 60, 1), dtype=np.uint8)
        image[12:52, 18:78] = grey
        path = tmp_path / f"{number}.png"
        arrays.write_png(path, image)
        samples.append(Sample("parts", f"train/good/{number}", "train", "good", path))
    return samples


def test_the_same_is_painted_as_on_the_image_itself(normals, tmp_path):
    images = PaintableImages(normals, 256, tmp_path / "smaller")
    for seed in range(10):
        image, mask = images.draw(seed % 2, PAINT, np.random.default_rng(seed))
        own = arrays.read_image(normals[seed % 2].image)
        expected, true = synthetic_defects.draw(own, PAINT, np.random.default_rng(seed))
        assert np.array_equal(image, expected) and np.array_equal(mask, true)
    assert not (tmp_path / "smaller").exists()


def test_where_the_part_lies_is_found_once_and_a_large_image_is_read_once(normals, tmp_path, monkeypatch):
    monkeypatch.setattr(defects, "LEAST_PIXELS", 700)
    found, read = [], []
    find, reading = defects.find_part, arrays.read_image
    monkeypatch.setattr(defects, "find_part", lambda image: found.append(image.shape) or find(image))
    monkeypatch.setattr(arrays, "read_image", lambda path, *how: read.append(path) or reading(path, *how))
    images = PaintableImages(normals, 8, tmp_path / "smaller")
    painted = [images.draw(0, PAINT, np.random.default_rng(seed)) for seed in range(6)]
    assert found == [(21, 32, 3)]
    assert read.count(normals[0].image) == 1
    assert {image.shape[:2] for image, _ in painted} == {mask.shape for _, mask in painted} == {(21, 32)}


def test_threads_that_begin_with_the_same_large_image_do_not_disturb_each_other(normals, tmp_path, monkeypatch):
    monkeypatch.setattr(defects, "LEAST_PIXELS", 700)
    images = PaintableImages(normals, 8, tmp_path / "smaller")
    drawn = parallel.prefetch(range(24), lambda i: images.draw(0, PAINT, np.random.default_rng(i)), workers=8)
    alone = PaintableImages(normals, 8, tmp_path / "alone")
    for index, (image, _) in drawn:
        assert np.array_equal(image, alone.draw(0, PAINT, np.random.default_rng(index))[0])


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((2048, 2048), 256, (2048, 2048)),  # eight times as many as suffice: as it is
        ((2048, 4096), 256, (512, 1024)),  # of the pixels that suffice, in its own shape
        ((2048, 4096), 1024, (2048, 4096)),  # seen larger, so more of it
        ((1, 70_000), 256, (1, 8192)),
        ((20_000, 20), 256, (8192, 20)),
    ],
)
def test_too_large_a_picture_is_made_smaller_before_it_is_painted_on(shape, side, expected):
    image = np.full((*shape, 3), 9, np.uint8)
    small = handy(image, side)
    assert small.shape[:2] == expected
    assert (small is image) == (shape == expected)


def test_what_is_judged_by_does_not_grow_with_the_images(normals, tmp_path, monkeypatch):
    monkeypatch.setattr(validation.blending, "SIDE", 16)
    painted = list(validation.painted_images(normals, 64, 8, 0, tmp_path / "painted"))
    assert [picture.sample.id for picture, _ in painted] == [f"{index:04d}" for index in range(8)]
    assert {mask.shape for _, mask in painted} == {(16, 16)}
    assert any(mask.any() for _, mask in painted)
    assert all(np.array_equal(validation.blending.covered(mask), mask) for _, mask in painted)
