"""The runtime's command with what people give it by mistake: a clear error with its exit code, and nothing lost."""

import json
import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from adtool_runtime import __main__
from adtool_runtime.manifest import sha256

GREY = np.random.default_rng(0).integers(100, 130, (40, 56)).astype(np.uint8)
DATA, USAGE, PARTIAL = 3, 2, 5


@pytest.fixture
def line(exported_once, tmp_path, monkeypatch):
    """A folder with the export `parts`, and `good.png`."""
    shutil.copytree(exported_once / "export" / "parts", tmp_path / "parts")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(GREY).save("good.png")
    return tmp_path


def noted(name, data=None):
    """A file of the export is another, and its manifest says so: only what reads it can tell."""
    path = Path("parts") / name
    if data is not None:
        path.write_bytes(data)
    changed(lambda manifest: manifest["files"].update({name: {"sha256": sha256(path), "bytes": path.stat().st_size}}))


def changed(change):
    path = Path("parts/adtool.json")
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def as_folder(path):
    Path(path).unlink()
    Path(path).mkdir()


def with_standard(values):
    np.save("parts/standard.npy", values, allow_pickle=values.dtype == object)
    noted("standard.npy")


# What is done to the export, the words of the command, its exit code, and what it says.
EXPORTS = {
    "a graph of nothing": (lambda: noted("model.xml", b""), DATA, "can't be run"),
    "a graph of text": (lambda: noted("model.xml", b"<net>"), DATA, "can't be run"),
    "weights that are too few": (lambda: noted("model.bin", b"\0" * 64), DATA, "can't be run"),
    "a standard of other places": (lambda: with_standard(np.ones((2, 5), np.float32)), DATA, "shape"),
    "a standard of doubles": (lambda: with_standard(np.ones((2, 1026))), DATA, "float64"),
    "a standard that is a pickle": (lambda: with_standard(np.array([{}], object)), DATA, "can't be read"),
    "a graph that is a folder": (lambda: as_folder("parts/model.xml"), DATA, "missing"),
    "an absolute path": (
        lambda: changed(lambda m: m["files"].update({"/etc/hostname": {"sha256": "0", "bytes": 1}})),
        DATA,
        "outside",
    ),
    "files in a list": (lambda: changed(lambda m: m.update(files=[])), DATA, "files"),
    "a mean of two channels": (lambda: changed(lambda m: m["input"].update(mean=[0.5, 0.5])), DATA, "input.mean"),
    "a size of zero": (lambda: changed(lambda m: m["input"].update(image_size=0)), DATA, "input.image_size"),
    "a size beyond all memory": (lambda: changed(lambda m: m["input"].update(image_size=10**9)), DATA, "image_size"),
    "a size in words": (lambda: changed(lambda m: m["input"].update(image_size="64")), DATA, "input.image_size"),
    "a rule that there is not": (lambda: changed(lambda m: m["rule"].update(image_score="best")), DATA, "image_score"),
    "a blur of less than nothing": (lambda: changed(lambda m: m["rule"].update(blur=-1)), DATA, "rule.blur"),
    "a reading of nonsense": (lambda: changed(lambda m: m["input"].update(reading={"grey": 5})), DATA, "grey"),
    "classes without tensors": (
        lambda: changed(lambda m: m.update(classes={"names": ["normal"]})),
        DATA,
        "classes",
    ),
    "a refinement that there is not": (lambda: changed(lambda m: m.update(refine={"method": "magic"})), DATA, "refine"),
    "a format of no engine": (lambda: changed(lambda m: m.update(graphs={"tensorrt": "model.xml"})), DATA, "tensorrt"),
    "no graph at all": (lambda: changed(lambda m: m.update(graphs={})), DATA, "graphs"),
    "a manifest of many megabytes": (lambda: Path("parts/adtool.json").write_bytes(b" " * (1 << 25)), DATA, "large"),
    "a manifest that is a folder": (
        lambda: as_folder("parts/adtool.json"),
        DATA,
        "can't be read",
    ),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_damaged_export_is_named(line, capsys, kind):
    spoil, code, says = EXPORTS[kind]
    spoil()
    assert __main__.main(["parts", "good.png"]) == code
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("error: ")
    assert says in said.err
    assert "Traceback" not in said.err


def fifo():
    os.mkfifo("bad.png")


def a_socket():
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("bad.png")


def loop():
    Path("bad.png").symlink_to("bad.png")


PICTURES = {
    "a link to nothing": lambda: Path("bad.png").symlink_to("nowhere.png"),
    "a link to itself": loop,
    "a JPEG that ends early": lambda: cut("bad.png", "JPEG", 200),
    "a BMP that ends early": lambda: cut("bad.png", "BMP", 300),
    "a GIF without pictures": lambda: Path("bad.png").write_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
    "a PNG of no pixels": lambda: Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
    "an SVG": lambda: Path("bad.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "a PDF": lambda: Path("bad.png").write_bytes(b"%PDF-1.4\n%%EOF"),
    "a program": lambda: Path("bad.png").write_bytes(b"\x7fELF" + bytes(200)),
    "a TIFF of infinite values": lambda: tifffile.imwrite("bad.png", np.full((8, 8), np.inf, np.float32)),
    "a pipe": fifo,
    "a socket": a_socket,
}


def cut(name, form, size):
    Image.fromarray(GREY).save(name, form)
    Path(name).write_bytes(Path(name).read_bytes()[:size])


@pytest.mark.parametrize("kind", PICTURES)
def test_what_is_no_picture_has_a_row_with_its_reason_and_the_others_are_judged(line, capsys, kind):
    PICTURES[kind]()
    assert __main__.main(["parts", "bad.png", "good.png", "--json"]) == PARTIAL
    said = capsys.readouterr()
    bad, good = json.loads(said.out)["pictures"]
    assert bad["reason"]
    assert "decision" not in bad
    assert good["decision"] in ("OK", "NOK")
    assert "Traceback" not in said.err


WORDS = {
    "an empty folder": (["parts", "empty"], DATA, "no pictures in empty"),
    "a folder of notes": (["parts", "notes"], DATA, "no image by its suffix"),
    "no such picture": (["parts", "nowhere.png"], DATA, "nowhere.png"),
    "no such export": (["nowhere", "good.png"], DATA, "no export at nowhere"),
    "a picture for an export": (["good.png", "good.png"], DATA, "no export"),
    "a table in a place that is a file": (["parts", "good.png", "--csv", "good.png/table.csv"], DATA, "--csv"),
    "a table in place of a folder": (["parts", "good.png", "--csv", "notes"], DATA, "--csv"),
    "an engine that there is not": (["parts", "good.png", "--engine", "tensorrt"], USAGE, "no engine 'tensorrt'"),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_that_can_not_be_followed_are_an_error(line, capsys, kind):
    Path("empty").mkdir()
    Path("notes").mkdir()
    Path("notes/read.me").write_text("mine")
    before = Path("good.png").read_bytes()
    words, code, says = WORDS[kind]
    assert __main__.main(words) == code
    said = capsys.readouterr()
    assert says in said.err
    assert ("\ngood.png," in said.out) == ("--csv" in words), "what was judged is printed instead"
    assert Path("notes/read.me").read_text() == "mine"
    assert Path("good.png").read_bytes() == before


@pytest.mark.parametrize("words", [["parts"], [], ["parts", "good.png", "--threads", "0"], ["parts", "x", "--fast"]])
def test_wrong_usage_ends_with_2(line, capsys, words):
    with pytest.raises(SystemExit) as ended:
        __main__.main(words)
    assert ended.value.code == USAGE
    assert "usage:" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(line, capsys):
    shutil.copy("good.png", "closed.png")
    Path("closed.png").chmod(0)
    assert __main__.main(["parts", "closed.png", "good.png", "--json"]) == PARTIAL
    assert "ermission" in json.loads(capsys.readouterr().out)["pictures"][0]["reason"]
    Path("parts/adtool.json").chmod(0)
    assert __main__.main(["parts", "good.png"]) == DATA


def test_a_table_that_was_there_stays_where_nothing_could_be_judged(line):
    Path("table.csv").write_text("mine")
    Path("bad.png").write_text("no picture")
    changed(lambda manifest: manifest.update(format=99))
    assert __main__.main(["parts", "good.png", "--csv", "table.csv"]) == DATA
    assert Path("table.csv").read_text() == "mine"
