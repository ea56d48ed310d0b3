"""TIFF files with an orientation tag, and those that hold what is no picture."""

import numpy as np
import pytest
import tifffile

from adtool.core import arrays
from adtool.core.arrays import UnreadableImageError
from adtool.core.masks.mask_reader import MaskReader, MaskRule
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.orientation import turned

ORIENTATION = 274
RNG = np.random.default_rng(0)
STORED = {
    "grey": RNG.integers(0, 255, (6, 9), dtype=np.uint8),
    "colours": RNG.integers(0, 255, (6, 9, 3), dtype=np.uint8),
    "deep": RNG.integers(0, 65535, (6, 9), dtype=np.uint16),
    "deep colours": RNG.integers(0, 65535, (6, 9, 3), dtype=np.uint16),
    "integers": RNG.integers(-9, 999, (6, 9)).astype(np.int32),
    "floats": RNG.random((6, 9)).astype(np.float32),
}


def write(path, values, tag=1, **how):
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(path, values, photometric=photometric, extratags=[(ORIENTATION, "H", 1, tag, True)], **how)
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("name", STORED)
def test_a_tiff_of_any_type_is_turned_by_its_tag(tmp_path, name, tag, compression):
    path = write(tmp_path / "a.tif", STORED[name], tag, compression=compression)
    expected = turned(STORED[name], tag)
    assert np.array_equal(decoding.decode(path)[1], expected)
    assert arrays.image_size(path) == expected.shape[:2]


@pytest.mark.parametrize("name", ["grey", "floats"])
@pytest.mark.parametrize("tag", range(2, 9))
def test_a_mask_without_a_tag_is_turned_along_with_a_tiff_where_it_fits_as_stored_only(tmp_path, name, tag):
    image = write(tmp_path / "image.tif", STORED[name], tag)
    mask = np.zeros((6, 9), np.uint8)
    mask[0, 1] = 255
    path = tmp_path / "mask.png"
    arrays.write_png(path, mask)
    reader = MaskReader(MaskRule("gt0"))
    sideways = tag >= decoding.SIDEWAYS
    assert np.array_equal(reader.read(path, image), turned(mask, tag if sideways else 1) > 0)
    assert reader.doubtful == (set() if sideways else {path})
    assert np.array_equal(MaskReader(MaskRule("gt0"), "stored").read(path, image), turned(mask, tag) > 0)
    own = write(tmp_path / "own.tif", mask, tag)  # its decoder has turned it
    assert np.array_equal(MaskReader(MaskRule("gt0"), "stored").read(own, image), turned(mask, tag) > 0)


def test_complex_numbers_are_no_picture(tmp_path):
    path = tmp_path / "waves.tif"
    tifffile.imwrite(path, np.ones((4, 4), np.complex64))
    with pytest.raises(UnreadableImageError, match="complex64"):
        decoding.decode(path)
    with pytest.raises(UnreadableImageError, match="complex64"):
        decoding.header_of(path)
