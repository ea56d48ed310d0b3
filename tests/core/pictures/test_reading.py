import numpy as np
import pytest
import tifffile
from PIL import Image

from adtool.core.errors import BadDataError
from adtool.core.pictures.survey import survey
from adtool_runtime.pictures import decoding, reading
from adtool_runtime.pictures.decoding import UnreadableImageError
from adtool_runtime.pictures.reading import GreyRange, PictureReading, from_json, span

RAMP = np.arange(48, dtype=np.float64).reshape(6, 8) / 47  # 0 to 1


@pytest.mark.parametrize(
    ("low", "high", "range_"),
    [(0, 255, (0, 255)), (3, 1000, (0, 1023)), (0, 4000, (0, 4095)), (0, 16000, (0, 16383)), (0, 60000, (0, 65535)),
     (0, 100_000, (0, 131_071)), (-1000, 3000, (-1024, 4095))],
)  # fmt: skip
def test_integers_are_read_by_the_bits_that_they_fill(low, high, range_):
    found = span("integer", low, high)
    assert (found.low, found.high) == range_


def test_floats_are_read_by_a_customary_range_or_by_what_there_is_with_some_room():
    assert span("float", 0.0, 0.9) == GreyRange("float", 0, 1)
    assert span("float", 0.0, 250.0) == GreyRange("float", 0, 255)
    assert span("float", -0.9, 0.8) == GreyRange("float", -1, 1)
    assert span("float", 20.0, 21.0) == GreyRange("float", 19.875, 21.125)
    assert span("integer", 30000, 30800) == GreyRange("integer", 29900, 30900)  # 16 bits would leave three grey levels


@pytest.mark.parametrize(("dtype", "top"), [(np.uint16, 255), (np.uint16, 1023), (np.uint16, 4095), (np.uint16, 65535),
                                            (np.int32, 1_000_000), (np.float32, 1.0), (np.float32, 255.0)])  # fmt: skip
def test_deep_pictures_show_the_same_whatever_their_depth(tmp_path, dtype, top):
    values = RAMP * top
    tifffile.imwrite(tmp_path / "a.tif", (values if dtype == np.float32 else np.rint(values)).astype(dtype))
    tifffile.imwrite(tmp_path / "dark.tif", (values / 4).astype(dtype))
    how = survey([tmp_path / "a.tif", tmp_path / "dark.tif"]).reading
    seen, dark = (decoding.read_image(tmp_path / name, how)[..., 0].astype(int) for name in ("a.tif", "dark.tif"))
    assert seen.max() > 240 or top == 1_000_000  # 20 bits hold a little more than a million
    assert abs(dark - seen / 4).max() <= 1.5  # one range for both, so that the dark one stays dark


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_colours_of_16_bits_keep_their_lower_half(tmp_path, name):
    deep = np.rint(np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2) * 1023).astype(np.uint16)
    if name == "x.tif":
        tifffile.imwrite(tmp_path / name, deep, photometric="rgb")
    else:
        import cv2

        cv2.imwrite(str(tmp_path / name), deep[..., ::-1])
    how = survey([tmp_path / name]).reading
    assert how.grey == GreyRange("integer", 0, 1023)
    assert (decoding.read_image(tmp_path / name, how) == np.rint(deep / 1023 * 255)).all()


def test_customary_ranges_and_upright_pictures_leave_no_trace_in_an_identity():
    assert PictureReading().identity() == PictureReading(GreyRange("integer", 0, 65535)).identity() == {}
    assert (
        PictureReading(GreyRange("float", 0, 1)).identity()
        == PictureReading(tagged=True, upright=False).identity()
        == {}
    )
    assert PictureReading(GreyRange("integer", 0, 4095), tagged=True).identity() == {
        "grey": [0, 4095], "orientation": "turned by tag",
    }  # fmt: skip


def test_a_reading_survives_its_note_and_a_damaged_note_is_said():
    how = PictureReading(GreyRange("integer", 0, 4095))
    assert from_json(how.as_json(), "x") == how
    with pytest.raises(BadDataError, match="low < high"):
        from_json({"grey": {"kind": "integer", "low": 5, "high": "a"}}, "x")


def test_a_noted_range_stays_and_what_falls_outside_or_hardly_fills_it_is_said(tmp_path):
    noted = PictureReading(GreyRange("integer", 0, 4095))
    Image.fromarray(np.rint(RAMP * 60000).astype(np.uint16)).save(tmp_path / "bright.png")
    Image.fromarray(np.rint(RAMP * 90).astype(np.uint16)).save(tmp_path / "dim.png")
    found = survey([tmp_path / "bright.png", tmp_path / "dim.png"], noted)
    assert found.reading.grey == noted.grey
    assert "cut off" in decoding.read(tmp_path / "bright.png", noted).poor
    assert decoding.read(tmp_path / "dim.png", noted).poor.startswith("7 grey levels of 256 left")
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(BadDataError, match="can't be compared"):
        survey([tmp_path / "float.tif"], noted)


def test_pages_channels_and_mixed_depths_are_counted(tmp_path):
    page = Image.fromarray(np.rint(RAMP * 255).astype(np.uint8))
    for name in ("pages.tif", "pages.gif", "pages.png", "pages.webp"):
        page.save(tmp_path / name, save_all=True, append_images=[page.transpose(Image.Transpose.ROTATE_180)])
    tifffile.imwrite(
        tmp_path / "two.tif", np.zeros((6, 8, 2), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    Image.fromarray(np.rint(RAMP * 4095).astype(np.uint16)).save(tmp_path / "deep.png")
    found = survey(sorted(tmp_path.iterdir()))
    assert sorted(path.name for path in found.paged) == ["pages.gif", "pages.png", "pages.tif", "pages.webp"]
    assert [path.name for path in found.unused] == ["two.tif"]
    assert [text.split(" image")[0] for text in found.warnings()] == ["4", "1", "5"]
    tifffile.imwrite(
        tmp_path / "five.tif", np.zeros((6, 8, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    with pytest.raises(UnreadableImageError, match="5 channels"):
        decoding.read_image(tmp_path / "five.tif")


def test_above_the_limit_of_pixels_the_message_names_it_and_the_way_to_raise_it(tmp_path, monkeypatch):
    Image.new("L", (30, 20)).save(tmp_path / "x.png")
    monkeypatch.setenv("ADTOOL_MAX_PIXELS", "599")
    for read in (decoding.read_image, decoding.image_size):
        with pytest.raises(UnreadableImageError, match=r"600 pixels, more than the limit of 599.*ADTOOL_MAX_PIXELS"):
            read(tmp_path / "x.png")
    monkeypatch.setenv("ADTOOL_MAX_PIXELS", "600")
    assert decoding.read_image(tmp_path / "x.png").shape == (20, 30, 3)
    monkeypatch.setenv("ADTOOL_MAX_PIXELS", "many")
    with pytest.raises(BadDataError, match="Set it to a number"):
        decoding.image_size(tmp_path / "x.png")


def test_between_two_deep_kinds_or_beyond_numbers_there_is_an_error(tmp_path):
    Image.fromarray(np.full((2, 2), np.inf, np.float32)).save(tmp_path / "inf.tif")
    with pytest.raises(UnreadableImageError, match="NaN or infinite"):
        decoding.read_image(tmp_path / "inf.tif", PictureReading(GreyRange("float", 0, 1)))
    assert reading.PLAIN.grey is None


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path):
    half = np.full((4, 4, 4), 100, np.uint8)  # grey, and half transparent
    Image.fromarray(half).quantize(4).save(tmp_path / "a.png")
    assert decoding.decode(tmp_path / "a.png", as_colours=True)[1].tolist() == np.full((4, 4, 3), 100).tolist()


def test_deep_colours_in_a_ppm_keep_their_depth(tmp_path):
    values = np.full((4, 4, 3), 300, ">u2")
    values[0] = 900
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 4 4 65535\n" + values.tobytes())
    how = survey([path]).reading
    assert (how.grey.low, how.grey.high) == (0, 1023)
    assert np.unique(decoding.read_image(path, how)).tolist() == [75, 224]
