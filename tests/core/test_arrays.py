import errno
import io
import random

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from adtool.core import arrays
from adtool.core.arrays import UnreadableImageError
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError
from adtool.core.masks import mask_reader
from adtool.core.pictures import headers
from adtool_runtime.pictures.reading import PictureReading

GREY = np.array([[0, 64, 128], [191, 254, 255]], np.uint8)
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


def saved(folder, image, name):
    path = folder / name
    image.save(path)
    return path


# Images of any mode


def test_an_image_is_read_as_rgb(tmp_path):
    assert (arrays.read_image(saved(tmp_path, Image.fromarray(RGB), "x.png")) == RGB).all()


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tif"])
def test_a_grey_image_gets_three_equal_channels(tmp_path, name):
    read = arrays.read_image(saved(tmp_path, Image.fromarray(GREY), name))
    assert read.dtype == np.uint8
    assert (read == GREY[..., None]).all()


def test_sixteen_bit_is_scaled_by_the_full_range_not_by_what_the_image_holds(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    assert (arrays.read_image(saved(tmp_path, Image.fromarray(deep), "x.png")) == GREY[..., None]).all()
    dark = np.full((2, 2), 257, np.uint16)
    assert (arrays.read_image(saved(tmp_path, Image.fromarray(dark), "y.tif")) == 1).all()


def test_a_palette_image_has_the_colours_of_its_palette(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert arrays.read_image(saved(tmp_path, image, "x.png")).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_transparency_is_dropped_and_what_is_below_it_stays(tmp_path):
    rgba = np.dstack([RGB, np.zeros_like(GREY)])
    assert (arrays.read_image(saved(tmp_path, Image.fromarray(rgba), "x.png")) == RGB).all()


def test_cmyk_becomes_rgb(tmp_path):
    white = Image.new("CMYK", (3, 2), (0, 0, 0, 0))
    assert (arrays.read_image(saved(tmp_path, white, "x.jpg")) >= 250).all()
    black = Image.new("CMYK", (3, 2), (0, 0, 0, 255))
    assert (arrays.read_image(saved(tmp_path, black, "y.tif")) <= 5).all()


def test_floats_in_0_to_1_are_stretched_and_nan_is_refused(tmp_path):
    values = np.array([[0, 0.5, 1]], np.float32)
    assert arrays.read_image(saved(tmp_path, Image.fromarray(values), "x.tif"))[0, :, 0].tolist() == [0, 128, 255]
    values[0, 0] = np.nan
    with pytest.raises(UnreadableImageError, match="NaN"):
        arrays.read_image(saved(tmp_path, Image.fromarray(values), "y.tif"))


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.webp"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_a_picture_is_turned_as_its_orientation_tag_says(tmp_path, name, tag):
    image = Image.fromarray(np.repeat(RGB, 16, axis=0).repeat(16, axis=1))
    exif = image.getexif()
    exif[0x0112] = tag
    image.save(tmp_path / name, exif=exif, **({"lossless": True} if name == "x.webp" else {}))
    stored = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    turned = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)).convert("RGB"))
    assert (arrays.read_image(tmp_path / name) == turned).all()
    assert arrays.image_size(tmp_path / name) == turned.shape[:2]
    as_before = PictureReading(upright=False)
    assert (arrays.read_image(tmp_path / name, as_before) == stored).all()  # Pillow has always turned TIFF by itself
    assert arrays.image_size(tmp_path / name, as_before) == stored.shape[:2]


# Damaged files


def test_empty_wrong_and_truncated_files_say_so_with_their_name(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match=r"empty\.png .*the file is empty"):
        arrays.read_image(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(UnreadableImageError, match=r"text\.png .*not an image"):
        arrays.read_image(tmp_path / "text.png")
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)
    whole = saved(tmp_path, Image.fromarray(noise), "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match="truncated"):
        arrays.read_image(tmp_path / "cut.jpg")
    with pytest.raises(MissingInputError, match="No image"):
        arrays.read_image(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "P"), ("JPEG", "RGB"), ("BMP", "1"), ("TIFF", "L"), ("WEBP", "RGB")]
)
@pytest.mark.filterwarnings("ignore")  # Pillow warns of the damage as well
def test_no_damage_is_reported_as_a_bug(tmp_path, form, mode):
    rng, buffer = random.Random(0), io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (12, 10, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(buffer, form)
    path = tmp_path / f"x.{form.lower()}"
    failed = 0
    for turn in range(60):
        content = bytearray(buffer.getvalue())
        if turn % 2:
            content = content[: rng.randrange(len(content))]
        else:
            content[rng.randrange(min(100, len(content)))] = rng.randrange(256)
        path.write_bytes(content)
        for read in (arrays.read_image, arrays.image_size, mask_reader.read_sheet):
            try:
                read(path)
            except AdtoolError:
                failed += 1
    assert failed


def test_too_many_open_files_is_not_the_fault_of_the_image(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(24, "Too many open files")

    path = saved(tmp_path, Image.new("L", (2, 2)), "x.png")
    monkeypatch.setattr(Image, "open", full)
    with pytest.raises(OSError, match="Too many open files"):
        arrays.read_image(path)


# Masks


def mask_file(folder, values, dtype=np.uint8):
    return saved(folder, Image.fromarray(np.array([values], dtype)), "mask.png")


def test_a_mask_that_reaches_128_is_cut_there_and_another_one_above_zero(tmp_path):
    assert arrays.read_mask(mask_file(tmp_path, [0, 1, 127, 128, 255])).tolist() == [[False, False, False, True, True]]
    assert arrays.read_mask(mask_file(tmp_path, [0, 1, 2, 3])).tolist() == [[False, True, True, True]]
    assert not arrays.read_mask(mask_file(tmp_path, [0, 0])).any()


def test_a_rule_can_be_named(tmp_path):
    path = mask_file(tmp_path, [0, 1, 100, 200])
    assert arrays.read_mask(path, "gt0").sum() == 3
    assert arrays.read_mask(path, "ge128").sum() == 1
    assert arrays.read_mask(path, "half_max").sum() == 2
    assert not arrays.read_mask(mask_file(tmp_path, [0, 0]), "half_max").any()


def test_a_sixteen_bit_mask_obeys_the_same_rules(tmp_path):
    """Its numbers of defects stay, its soft edge is cut at half."""
    assert arrays.read_mask(mask_file(tmp_path, [0, 1, 3], np.uint16)).tolist() == [[False, True, True]]
    soft = mask_file(tmp_path, [0, 100 * 257, 127 * 257, 128 * 257, 65535], np.uint16)
    assert arrays.read_mask(soft).tolist() == [[False, False, False, True, True]]


def test_masks_of_one_bit_with_a_palette_and_with_transparency(tmp_path):
    bits = Image.fromarray(np.array([[False, True]]))
    assert arrays.read_mask(saved(tmp_path, bits, "bits.png")).tolist() == [[False, True]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.putpixel((1, 0), 1)
    assert arrays.read_mask(saved(tmp_path, palette, "palette.png")).tolist() == [[False, True]]
    rgba = Image.fromarray(np.array([[[0, 0, 0, 255], [255, 255, 255, 255]]], np.uint8))
    assert arrays.read_mask(saved(tmp_path, rgba, "rgba.png")).tolist() == [[False, True]]


def test_a_mask_that_is_written_is_read_the_same(tmp_path):
    mask = np.array([[True, False], [False, True]])
    arrays.write_mask(tmp_path / "m.png", mask)
    assert (arrays.read_mask(tmp_path / "m.png") == mask).all()
    assert sorted(np.unique(cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED))) == [0, 255]


def test_colours_keep_their_order_when_written(tmp_path):
    arrays.write_png(tmp_path / "x.png", RGB)
    assert (np.asarray(Image.open(tmp_path / "x.png")) == RGB).all()


# Maps


def test_a_map_keeps_every_bit_and_its_image_score(tmp_path):
    scores = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    arrays.write_scores(tmp_path / "x.tiff", scores, 1 / 3)
    read = arrays.read_scores(tmp_path / "x.tiff")
    assert (read.scores == scores).all()
    assert read.image_score == 1 / 3
    plain = tifffile.imread(tmp_path / "x.tiff")
    assert (plain.shape, plain.dtype) == ((5, 7), np.float32)


def test_a_map_that_does_not_fit_on_the_disk_says_so(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))  # as a full disk: a write ends in the middle
    try:
        with pytest.raises(OSError, match="too large") as caught:
            arrays.write_scores(tmp_path / "x.tiff", np.ones((60, 60), np.float32), 1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(tmp_path / "x.tiff")
    assert list(tmp_path.iterdir()) == []


def test_a_map_of_others_needs_no_description_and_may_be_8_bit(tmp_path):
    tifffile.imwrite(tmp_path / "x.tiff", GREY, metadata=None)
    read = arrays.read_scores(tmp_path / "x.tiff")
    assert (read.scores == GREY).all()
    assert (read.scores.dtype, read.image_score) == (np.float32, None)


def test_what_is_no_map_is_refused_with_its_name(tmp_path):
    path = tmp_path / "x.tiff"
    with pytest.raises(MissingInputError, match=r"No anomaly map at .*x\.tiff"):
        arrays.read_scores(path)
    tifffile.imwrite(path, RGB, photometric="rgb", metadata=None)
    with pytest.raises(BadDataError, match="one channel"):
        arrays.read_scores(path)
    tifffile.imwrite(path, np.array([[np.nan, 1]], np.float32), metadata=None)
    with pytest.raises(BadDataError, match="NaN"):
        arrays.read_scores(path)
    path.write_bytes(b"")
    with pytest.raises(BadDataError, match="can't be read as a map"):
        arrays.read_scores(path)


def test_a_damaged_map_is_refused_wherever_the_damage_is(tmp_path):
    rng, path = random.Random(0), tmp_path / "x.tiff"
    arrays.write_scores(path, np.ones((4, 4), np.float32), 1.0)
    whole = path.read_bytes()
    refused = 0
    for _ in range(150):
        path.write_bytes(whole[: rng.randrange(len(whole) - 1)])
        with pytest.raises(BadDataError):
            arrays.read_scores(path)
        content = bytearray(whole)
        content[rng.randrange(8, 100)] = rng.randrange(256)
        path.write_bytes(content)
        try:
            arrays.read_scores(path)
        except BadDataError:
            refused += 1
    assert refused


def test_the_image_score_is_the_mean_of_the_top_1_percent_and_at_least_of_one_pixel():
    scores = np.arange(200, dtype=np.float32).reshape(10, 20)
    assert arrays.image_score(scores) == (199 + 198) / 2
    assert arrays.image_score(scores[:1, :3]) == 2


def test_a_map_is_resized_bilinearly_and_only_if_need_be():
    scores = np.array([[0, 1]], np.float32)
    assert arrays.resize_scores(scores, 1, 2) is scores
    assert arrays.resize_scores(scores, 1, 4)[0].tolist() == [0, 0.25, 0.75, 1]


@pytest.mark.parametrize(("scores", "of_image"), [([0, np.nan], 1.0), ([0, np.inf], 1.0), ([0, 1], np.nan)])
def test_scores_that_are_no_numbers_are_never_written_nor_read(tmp_path, scores, of_image):
    path, scores = tmp_path / "a.tiff", np.array([scores], np.float32)
    with pytest.raises(arrays.BadDataError, match=r"a\.tiff are NaN"):
        arrays.write_scores(path, scores, of_image)
    assert not path.exists()
    tifffile.imwrite(path, scores, description=f'{{"image_score": {of_image}}}'.replace("nan", "NaN"), metadata=None)
    with pytest.raises(arrays.BadDataError, match=r"a\.tiff holds NaN"):
        arrays.read_scores(path)
    if np.isnan(of_image):
        with pytest.raises(arrays.BadDataError, match=r"a\.tiff holds NaN"):
            arrays.written_scores({"a": path})


def test_what_is_no_number_is_not_kept_for_later(tmp_path):
    with pytest.raises(arrays.BadDataError, match="make numbers"):
        arrays.write_several(tmp_path / "a.npy", [np.array([1, 2]), np.array([np.nan])])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_map_whose_header_claims_more_than_the_file_holds_is_damaged(tmp_path, compression):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, np.zeros((8, 8), np.float32), compression=compression)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        places = [tiff.pages.first.tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
        kinds = [tiff.pages.first.tags[name].dtype for name in ("ImageWidth", "ImageLength")]
    for place, kind in zip(places, kinds, strict=True):
        size = {3: 2, 4: 4}[kind]  # bytes of TIFF's short and long
        data[place : place + size] = (60_000).to_bytes(size, "little")
    path.write_bytes(data)
    with pytest.raises(arrays.BadDataError, match=r"a\.tiff can't be read as a map"):
        arrays.read_scores(path)


def test_an_array_whose_header_claims_more_than_the_file_holds_is_damaged(tmp_path):
    whole = io.BytesIO()
    np.save(whole, np.zeros((10, 10)))
    (tmp_path / "a.npy").write_bytes(whole.getvalue().replace(b"(10, 10), }      ", b"(10000000, 9999)}"))
    with pytest.raises(ValueError, match="greater than file size"):
        headers.load_array(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(whole.getvalue())
    assert headers.load_array(tmp_path / "a.npy").shape == (10, 10)


def test_the_image_score_of_a_map_is_read_without_its_pixels(tmp_path, monkeypatch):
    path = tmp_path / "a.tiff"
    arrays.write_scores(path, np.zeros((64, 64), np.float32), 2.5)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", None)
    assert arrays.written_scores({"a": path, "b": tmp_path / "b.tiff"}) == {"a": 2.5}
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(BadDataError, match="cut off"):
        arrays.written_scores({"a": path})
    path.write_bytes(b"")
    with pytest.raises(BadDataError):
        arrays.noted_score(path)
