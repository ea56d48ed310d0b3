import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile

import adtool
from adtool.core import arrays, map_types
from adtool.core.errors import BadDataError, UsageError
from adtool.core.map_types import MapType, written_as

PATH = Path("map.tiff")


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


def kept(scores, kind):
    """What comes back of scores that are kept so."""
    with written_as(kind):
        arrays.write_scores(PATH, np.asarray(scores, np.float32), 7.25)
    found = arrays.read_scores(PATH)
    assert found.image_score == 7.25 == arrays.noted_score(PATH)
    assert found.scores.dtype == np.float32
    return found.scores


@pytest.mark.parametrize("kind", ["float32", "float32-deflate"])
def test_whole_floats_come_back_as_they_were(kind):
    scores = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32) * 1e20
    assert kept(scores, kind).tobytes() == scores.tobytes()


def test_the_kinds_of_before_have_the_bytes_of_before():
    kept([[1.0, 2.0]], "float32")
    ours = PATH.read_bytes()
    note = json.dumps({"image_score": 7.25})
    tifffile.imwrite(PATH, np.array([[1.0, 2.0]], np.float32), description=note, metadata=None)
    assert PATH.read_bytes() == ours


@pytest.mark.parametrize("kind", ["float16", "float16-deflate"])
def test_halves_round_to_eleven_bits(kind):
    found = kept([[1.0, 2049.0, 0.1, -3.5]], kind)
    assert found.tolist() == [[1.0, 2048.0, float(np.float16(0.1)), -3.5]]
    with tifffile.TiffFile(PATH) as tiff:
        assert tiff.pages.first.dtype == np.float16
        assert json.loads(tiff.pages.first.description) == {"image_score": 7.25}


@pytest.mark.parametrize("peak", [65504.0, 65520.0, 1e5, 3e38, 2.0**-6, 1e-3, 1e-12, 1e-38])
def test_what_a_half_cannot_hold_is_scaled_by_a_power_of_two_that_is_noted(peak):
    scores = np.array([[peak, peak / 3, -peak / 7, 0.0]], np.float32)
    found = kept(scores, "float16")
    assert np.allclose(found, scores, rtol=2.0**-11, atol=0)
    with tifffile.TiffFile(PATH) as tiff:
        scale = json.loads(tiff.pages.first.description).get("scale", 1.0)
    assert (scale == 1.0) == (2.0**-6 <= peak <= 65504)
    assert np.log2(scale) == round(np.log2(scale))


def test_a_map_of_nothing_is_kept():
    assert kept(np.zeros((3, 3)), "float16-deflate").tolist() == np.zeros((3, 3)).tolist()


def test_the_smaller_kinds_are_smaller():
    smooth = np.add.outer(np.linspace(20, 30, 128), np.linspace(0, 3, 128)).astype(np.float32)
    sizes = {}
    for kind in get_args(MapType):
        kept(smooth, kind)
        sizes[kind] = PATH.stat().st_size
    assert sizes["float16"] < 0.55 * sizes["float32"]
    assert sizes["float16-deflate"] < sizes["float16"]
    assert sizes["float32-deflate"] < sizes["float32"]


@pytest.mark.parametrize("scale", ["2", 0, -1, float("inf"), None])
def test_a_scale_that_is_none_is_refused(scale):
    note = json.dumps({"image_score": 1.0, "scale": scale})
    tifffile.imwrite(PATH, np.ones((2, 2), np.float16), description=note, metadata=None)
    with pytest.raises(BadDataError, match=r"map.tiff notes a scale of .* which is no factor"):
        arrays.read_scores(PATH)


def test_a_scale_that_makes_scores_infinite_is_refused():
    note = json.dumps({"image_score": 1.0, "scale": 1e38})
    tifffile.imwrite(PATH, np.full((2, 2), 100, np.float16), description=note, metadata=None)
    with pytest.raises(BadDataError, match="NaN or infinite"):
        arrays.read_scores(PATH)


def test_maps_from_elsewhere_are_kept_as_asked_for():
    maps = [np.array([[1e-7, 2e-7], [3e-7, 0]])]
    folder = adtool.write_maps("maps", "part", ["test/a/0"], maps, map_type="float16")
    assert np.allclose(arrays.read_scores(folder / "test/a/0.tiff").scores, maps[0], rtol=2.0**-11, atol=0)
    assert json.loads((folder / "_step.json").read_text())["settings"] == {"map_type": "float16"}
    with pytest.raises(UsageError, match="map_type: 'float16' -> 'float32'"):
        adtool.write_maps("maps", "part", ["test/a/0"], maps)
    adtool.write_maps("others", "part", ["test/a/0"], maps)
    assert json.loads(Path("others/part/_step.json").read_text())["settings"] == {}


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match=r"no map_type 'float8'\. There are: float32, float16, "):
        adtool.write_maps("maps", "part", ["test/a/0"], [np.ones((2, 2))], map_type="float8")


def test_outside_of_a_step_maps_are_whole_floats():
    assert map_types.encoded(np.ones((2, 2), np.float32)).values.dtype == np.float32
