"""Whatever is given to the runtime: a clear error of its kind, and nothing that stops the others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import adtool_runtime
from adtool_runtime import Result, __main__, load
from adtool_runtime.errors import AdtoolError, BadDataError, MissingInputError, UsageError

GREY = np.random.default_rng(0).integers(100, 130, (40, 56)).astype(np.uint8)
COLOURS = np.repeat(GREY[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def part(exported_once):
    return load(exported_once / "export" / "parts")


def png(path, array=COLOURS, mode=None, **how):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    image.save(path, **how)
    return path


def bomb(path):
    """A few bytes that claim 60,000 x 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


UNREADABLE = {
    "empty": lambda p: p.write_bytes(b""),
    "text": lambda p: p.write_text("no picture"),
    "truncated": lambda p: p.write_bytes(png(p).read_bytes()[:-60]),
    "half a header": lambda p: p.write_bytes(png(p).read_bytes()[:20]),
    "zeros": lambda p: p.write_bytes(bytes(5000)),
    "a bomb": bomb,
    "a zip": lambda p: p.write_bytes(b"PK\x03\x04" + bytes(100)),
    "a pickle": lambda p: p.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00."),
    "a tiff with nan": lambda p: tifffile.imwrite(p, np.full((40, 56), np.nan, np.float32)),
    "a tiff of complex values": lambda p: tifffile.imwrite(p, np.ones((40, 56), np.complex64)),
    "a tiff of nine channels": lambda p: tifffile.imwrite(p, np.ones((40, 56, 9), np.uint8), planarconfig="contig"),
    "a folder": lambda p: p.mkdir(),
    "nothing": lambda p: None,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_picture_is_an_error_that_names_it_and_stops_no_other(part, tmp_path, kind):
    bad, good = tmp_path / "bad.png", png(tmp_path / "good.png")
    UNREADABLE[kind](bad)
    with pytest.raises((BadDataError, MissingInputError), match=r"bad\.png"):
        part.inspect(bad)
    said = [one for _, one in part.inspect_many([good, bad, good])]
    assert [isinstance(one, Result) for one in said] == [True, False, True]
    assert isinstance(said[1], AdtoolError)


def rotated(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(COLOURS))).save(path, exif=exif, quality=100, subsampling=0)


ODD = {
    "grey": ("a.png", lambda p: png(p, GREY), ""),
    "alpha": ("a.png", lambda p: png(p, mode="RGBA"), ""),
    "palette": ("a.png", lambda p: png(p, GREY, "P"), ""),
    "cmyk": ("a.jpg", lambda p: png(p, mode="CMYK", quality=100, subsampling=0), ""),
    "turned by its tag": ("a.jpg", rotated, ""),
    "16 bits": ("a.png", lambda p: png(p, GREY.astype(np.uint16) * 257), "more than 8 bits"),
    "16 bits, colours": ("a.tiff", lambda p: tifffile.imwrite(p, COLOURS.astype(np.uint16) * 257), "more than 8 bits"),
    "floats": ("a.tiff", lambda p: tifffile.imwrite(p, GREY.astype(np.float32) / 255), "more than 8 bits"),
    "animated": (
        "a.gif",
        lambda p: Image.fromarray(GREY).save(p, save_all=True, append_images=[Image.fromarray(GREY // 2)]),
        "of 2 pages the first",
    ),
    "two pages": (
        "a.tif",
        lambda p: tifffile.imwrite(p, np.stack([GREY, GREY // 2]), photometric="minisblack"),
        "of 2 pages",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_are_read_as_their_pixels_mean_it_and_what_is_odd_is_said(part, tmp_path, kind):
    name, write, remark = ODD[kind]
    write(tmp_path / name)
    said, plain = part.inspect(tmp_path / name), part.inspect(COLOURS)
    assert said.size == (40, 56)
    assert said.score == pytest.approx(plain.score, rel=0.05), "JPEG and palettes round"
    assert remark in said.remark
    assert bool(remark) == bool(said.remark)


def test_a_picture_of_30000_px_is_judged(part, tmp_path):
    wide = png(tmp_path / "wide.png", np.tile(GREY, (1, 536)))
    said = part.inspect(wide)
    assert said.size == (40, 30016)
    assert said.map.shape == (64, 64)


def test_the_limit_of_pixels_holds_for_files_and_arrays(part, tmp_path, monkeypatch):
    monkeypatch.setenv("ADTOOL_MAX_PIXELS", "1000")
    for one in (png(tmp_path / "a.png"), COLOURS):
        with pytest.raises(BadDataError, match="1,000"):
            part.inspect(one)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((5, 5, 7), np.uint8),
        np.zeros((2, 5, 5, 3), np.uint8),
        np.zeros((5, 5), bool),
        np.zeros((5, 5), np.complex64),
        np.full((5, 5), np.inf, np.float32),
        np.array([["a", "b"]]),
    ],
    ids=str,
)
def test_an_array_that_is_no_picture_is_an_error(part, array):
    with pytest.raises(BadDataError, match="rray"):
        part.inspect(array)


def test_arrays_are_read_as_files_of_the_same_values(part, tmp_path):
    deep = GREY.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "deep.tiff", deep)
    for array, path in (
        (COLOURS, png(tmp_path / "a.png")),
        (GREY, png(tmp_path / "b.png", GREY)),
        (deep, tmp_path / "deep.tiff"),
    ):
        assert part.inspect(array).score == part.inspect(path).score


@pytest.fixture
def copy(exported_once, tmp_path):
    return Path(shutil.copytree(exported_once / "export" / "parts", tmp_path / "parts"))


def changed(folder, **values):
    path = folder / "adtool.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


WRONG = {
    "changed weights": (lambda f: flipped(f / "model.bin"), "sha256"),
    "a changed graph": (lambda f: flipped(f / "model.xml"), "sha256"),
    "a changed standard": (lambda f: flipped(f / "standard.npy"), "sha256"),
    "truncated weights": (lambda f: (f / "model.bin").write_bytes(b"1"), "sha256"),
    "no weights": (lambda f: (f / "model.bin").unlink(), "missing"),
    "a newer format": (lambda f: changed(f, format=99), "newer adtool"),
    "no format": (lambda f: changed(f, format="one"), "damaged"),
    "a limit in words": (lambda f: changed(f, limit={"value": "high"}), "limit.value"),
    "a limit that is no number": (lambda f: (f / "adtool.json").write_text('{"limit": NaN}'), "finite"),
    "no JSON": (lambda f: (f / "adtool.json").write_text("{"), "can't be read"),
    "no object": (lambda f: (f / "adtool.json").write_text("[]"), "damaged"),
    "deep JSON": (lambda f: (f / "adtool.json").write_text("[" * 100_000), "can't be read"),
    "binary": (lambda f: (f / "adtool.json").write_bytes(bytes(range(256))), "can't be read"),
    "no manifest": (lambda f: (f / "adtool.json").unlink(), "no export"),
    "a path outside": (lambda f: changed(f, graphs={"openvino": "../x.xml"}), "without its sha256"),
    "not finished": (lambda f: changed(f, checked=None), "not finished"),
    "no such folder": (shutil.rmtree, "no export at"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_export_that_is_not_what_was_written_is_refused(copy, kind):
    spoil, says = WRONG[kind]
    spoil(copy)
    with pytest.raises((BadDataError, MissingInputError), match=says):
        load(copy)
    assert __main__.main([str(copy), str(copy)]) == 3


def test_the_folder_of_all_exports_is_refused_by_name_of_those_in_it(exported_once):
    with pytest.raises(MissingInputError, match="parts"):
        load(exported_once / "export")


def test_an_engine_that_is_not_there_is_said(copy):
    with pytest.raises(UsageError, match="fast"):
        load(copy, "fast")
    with pytest.raises(UsageError, match="pip install"):
        load(copy, "onnx")


@pytest.mark.slow
def test_a_limit_that_is_changed_in_the_manifest_decides(copy, part):
    score = part.inspect(COLOURS).score
    for limit, decision in ((score * 0.9, "NOK"), (score * 1.1, "OK"), (None, "")):
        changed(copy, limit={"value": limit})
        said = load(copy).inspect(COLOURS)
        assert (said.score, said.decision) == (score, decision)


def test_boxes_frame_what_is_above_the_limit_in_pixels_of_the_picture():
    scores = np.zeros((10, 10), np.float32)
    scores[2:4, 3:6], scores[8, 8] = 5, 7
    found = adtool_runtime.boxes.boxes_of(scores, 4.0, (100, 200))
    assert [(one.x, one.y, one.width, one.height, one.score) for one in found] == [
        (160, 80, 20, 10, 7),
        (60, 20, 60, 20, 5),
    ]
    assert adtool_runtime.boxes.boxes_of(scores, None, (100, 200)) == ()
    assert adtool_runtime.boxes.boxes_of(scores, 7.0, (100, 200)) == ()


@pytest.mark.slow
def test_the_command_judges_all_names_the_rest_and_ends_with_5(copy, tmp_path, capsys):
    folder = tmp_path / "pictures"
    (folder / "deep" / ".hidden").mkdir(parents=True)
    png(folder / "deep" / "=1+1.png")
    (folder / "broken.png").write_text("no picture")
    (folder / "notes.txt").write_text("mine")
    assert __main__.main([str(copy), str(folder), "--csv", str(tmp_path / "out" / "table.csv")]) == 5
    rows = (tmp_path / "out" / "table.csv").read_text().splitlines()
    assert len(rows) == 4
    assert "can't be read" in rows[1]
    assert rows[2].split(",")[2] in ("OK", "NOK")
    assert "no image by its suffix" in rows[3]
    assert __main__.main([str(copy), str(folder), "--json"]) == 5
    document = json.loads(capsys.readouterr().out)
    assert len(document["pictures"]) == 3
    assert __main__.main([str(copy), str(folder / "broken.png")]) == 3
    assert __main__.main([str(copy), str(tmp_path / "nowhere")]) == 3
    changed(copy, limit={"value": 0.0})
    assert __main__.main([str(copy), str(folder / "deep"), "--fail-on-nok"]) == 1
