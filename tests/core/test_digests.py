"""Hashes of whole files: what is remembered of them, and when that is not trusted."""

import hashlib
import os
import time

import pytest

from adtool.core import digests, file_memory

PAST_S = 100  # long ago


@pytest.fixture
def settled(monkeypatch):
    """Files count as unchanged for long, however new they are: the clock is ahead."""
    now = time.time_ns
    monkeypatch.setattr(file_memory.time, "time_ns", lambda: now() + PAST_S * 1_000_000_000)


@pytest.fixture
def own_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/adtool"


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read, one after the other."""
    names = []
    plain = digests.of_file
    monkeypatch.setattr(digests, "of_file", lambda path: (names.append(path.name), plain(path))[1])
    return names


def written(path, data=b"abc"):
    path.write_bytes(data)
    return path


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once(tmp_path, own_memory, settled, read):
    one = written(tmp_path / "one")
    for _ in range(2):
        assert digests.of_files([one]) == {one: digest(b"abc")}
    assert read == ["one"]


def test_a_file_that_just_changed_is_not_remembered(tmp_path, own_memory, read):
    one = written(tmp_path / "one")
    digests.of_files([one])
    digests.of_files([one])
    assert read == ["one", "one"]


def test_an_edit_that_keeps_size_and_time_is_noticed(tmp_path, own_memory, settled):
    one = written(tmp_path / "one")
    before = one.stat()
    digests.of_files([one])
    time.sleep(0.02)  # more than a tick of the clock
    written(one, b"abd")
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.of_files([one]) == {one: digest(b"abd")}


def test_another_file_in_its_place_is_noticed(tmp_path, own_memory, settled):
    one, other = written(tmp_path / "one"), written(tmp_path / "other", b"xyz")
    digests.of_files([one, other])
    other.replace(one)
    assert digests.of_files([one]) == {one: digest(b"xyz")}


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0 cut off"])
def test_a_damaged_memory_is_done_without_and_begun_anew(tmp_path, own_memory, settled, read, content):
    own_memory.mkdir(parents=True)
    (own_memory / digests.DIGESTS.file().name).write_bytes(content)
    one = written(tmp_path / "one")
    for _ in range(3):
        assert digests.of_files([one]) == {one: digest(b"abc")}
    assert len(read) < 3


def test_a_memory_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, settled):
    written(tmp_path / "cache")  # a file where the folder should be
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one = written(tmp_path / "one")
    assert digests.of_files([one]) == {one: digest(b"abc")}


def test_what_was_remembered_first_is_forgotten_first(tmp_path, own_memory, settled, read, monkeypatch):
    monkeypatch.setattr(file_memory, "MOST_FILES", 2)
    paths = [written(tmp_path / str(number)) for number in range(3)]
    for path in (*paths, *reversed(paths)):
        digests.of_files([path])
    assert read == ["0", "1", "2", "0"]
