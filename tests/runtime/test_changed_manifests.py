"""An adtool.json that somebody changed, and what is handed to the runtime instead of pictures: a clear error each."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from adtool_runtime import __main__, load
from adtool_runtime.errors import BadDataError, MissingInputError, UsageError

COLOURS = np.repeat(np.random.default_rng(0).integers(100, 130, (40, 56, 1)).astype(np.uint8), 3, axis=2)
TILES = {"tile": 32, "input_px": 64, "overlap": 0, "layers": 2, "graphs": {"openvino": "model.xml"}}
CLASSES = {"names": ["a"], "unknown": None, "score_std": 1.0, "strength": [0.0, 1.0], "item_strength": [0.0, 1.0]}
FREE = {"fill": True, "contrast": 0.0, "near": 1e9, "close": 0, "follow": 0, "smooth": 1.0}
CHANGES = {
    "another size": ("input.image_size", 96, "can't be run on what adtool.json gives it"),
    "no spread": ("input.std", [0.0, 1.0, 1.0], "input.std.0"),
    "a crop beyond the picture": ("input.crop", 5000, "a larger crop than the picture"),
    "an endless blur": ("rule.blur", 1e9, "rule.blur"),
    "no graph": ("graphs", {}, "graphs"),
    "a graph of another kind": ("graphs", {"tensorrt": "model.bin"}, "graphs"),
    "a graph that is another file": ("graphs", {"openvino": "standard.npy"}, "can't be run by openvino"),
    "tiles without a size": ("input.tiles", TILES, "tiles of a picture without a size"),
    "classes in another file": (
        "classes", {**CLASSES, "layers": 2, "tensors": "standard.npy"}, "standard.npy can't be read",
    ),
    "a second network": ("beside", None, ""),
    "an endless refinement": (
        "refine", {**FREE, "method": "free", "image_score": "given", "zero": 0.0, "one": 1.0}, "near",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def part(exported_once):
    return load(exported_once / "export" / "parts")


@pytest.mark.skipif(not find_spec("openvino"), reason="no openvino")
@pytest.mark.parametrize("kind", CHANGES)
def test_a_manifest_that_was_changed_is_an_error_that_says_where(exported_once, tmp_path, kind):
    place, value, said = CHANGES[kind]
    folder = Path(shutil.copytree(exported_once / "export" / "parts", tmp_path / "parts"))
    whole = json.loads((folder / "adtool.json").read_text())
    *way, last = place.split(".")
    inner = whole
    for name in way:
        inner = inner[name]
    if kind == "a second network":
        value, said = whole["input"], "can't be run on what adtool.json gives it"
    inner[last] = value
    (folder / "adtool.json").write_text(json.dumps(whole))
    with pytest.raises(BadDataError) as error:
        load(folder, "openvino").inspect(COLOURS)
    assert said in str(error.value)
    assert "adtool export --force" in str(error.value)


GIVEN = {"None": None, "a number": 5, "bytes": b"a.png", "a list": [[1, 2]], "an object": object()}


@pytest.mark.parametrize("kind", GIVEN)
def test_what_is_neither_a_path_nor_an_array_is_said_to_be_no_picture(part, kind):
    given = GIVEN[kind]
    with pytest.raises(BadDataError, match=r"is no picture\. Give a path, or a numpy array"):
        part.inspect(given)
    assert isinstance(next(part.inspect_many([given]))[1], BadDataError)


def test_eight_bits_in_wider_numbers_are_those_eight_bits_and_more_than_that_is_no_picture(part):
    expected = part.inspect(COLOURS)
    for kind in (np.int32, np.int64, np.uint32):
        said = part.inspect(COLOURS.astype(kind))
        assert (said.score, said.remark) == (expected.score, "")
    with pytest.raises(BadDataError, match="int64 with values beyond 0 to 255 is no picture"):
        part.inspect(COLOURS.astype(np.int64) - 200)


def test_one_picture_instead_of_several_and_no_thread_are_wrong_usage(part, tmp_path):
    for given in ("a.png", tmp_path):
        with pytest.raises(UsageError, match="inspect_many takes several pictures"):
            next(part.inspect_many(given))
    with pytest.raises(UsageError, match="at least one thread, not -1"):
        next(part.inspect_many([COLOURS], threads=-1))


def test_the_manifest_instead_of_its_folder_a_graph_that_there_is_not_and_no_pictures_are_said(part, tmp_path, capsys):
    with pytest.raises(MissingInputError, match=r"is a file of an export\. Give its folder, .*parts"):
        load(part.folder / "adtool.json")
    with pytest.raises(UsageError, match=r"no graph of the format 'xml'\. It has: openvino"):
        load(part.folder, graph="xml")
    (tmp_path / "notes.txt").touch()
    assert __main__.main([str(part.folder), str(tmp_path)]) == 3
    assert (
        f"There are no pictures in {tmp_path} ({tmp_path}/notes.txt: no image by its suffix)."
        in capsys.readouterr().err
    )
