"""What the pictures of a data set are: the range of deep ones is found once, not by every command again."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from adtool.core import file_memory
from adtool.core.pictures.survey import survey
from adtool_runtime.pictures import decoding


@pytest.fixture
def decoded(tmp_path, monkeypatch):
    """Names of the pictures that were decoded; files count as settled, however new they are."""
    names = []
    plain, now = decoding.decode, time.time_ns
    monkeypatch.setattr(decoding, "decode", lambda path: (names.append(path.name), plain(path))[1])
    monkeypatch.setattr(file_memory.time, "time_ns", lambda: now() + 100_000_000_000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return names


def deep(path, top, dtype=np.uint16):
    values = np.zeros((4, 4), dtype)
    values[0] = top
    Image.fromarray(values).save(path)
    return path


def test_the_range_of_deep_pictures_is_found_once(tmp_path, decoded):
    paths = [deep(tmp_path / "dim.png", 900), deep(tmp_path / "bright.png", 4000)]
    first = survey(paths).reading.grey
    assert first == survey(paths).reading.grey
    assert (first.low, first.high) == (0, 4095)
    assert sorted(decoded) == ["bright.png", "dim.png"]


def test_of_an_added_and_of_an_edited_picture_the_range_is_found_again(tmp_path, decoded):
    dim, bright = deep(tmp_path / "dim.tif", 900), tmp_path / "bright.tif"
    assert survey([dim]).reading.grey.high == 1023
    deep(bright, 4000)
    assert survey([dim, bright]).reading.grey.high == 4095
    before = bright.stat()
    deep(bright, 60000)
    os.utime(bright, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert survey([dim, bright]).reading.grey.high == 65535
    assert decoded == ["dim.tif", "bright.tif", "bright.tif"]


def test_floats_are_remembered_to_the_last_digit(tmp_path, decoded):
    path = deep(tmp_path / "a.tif", 1 / 3, np.float32)
    values = np.asarray(Image.open(path))
    assert {survey([path]).reading.grey for _ in range(2)} == {survey([path]).reading.grey}
    assert float(values.max()) != 1 / 3
    assert decoded == ["a.tif"]


def test_a_damaged_picture_is_not_remembered(tmp_path, decoded):
    path = deep(tmp_path / "a.png", 900)
    path.write_bytes(path.read_bytes()[:-20])
    assert survey([path]).reading.grey is None
    deep(path, 900)
    assert survey([path]).reading.grey.high == 1023
