import shutil
from collections import namedtuple

import pytest

from adtool.core import urls
from adtool.core.errors import BadDataError, MachineError, MissingInputError, UsageError
from adtool.core.remote import mirrors, systems
from adtool.core.remote.systems import RemoteFile, Storage


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_fetched_once_and_what_changed_again(memory, fetches):
    memory.put("train/good/0.png", b"a")
    memory.put("train/good/1.png", b"b")
    folder = mirrors.mirrored(memory.url)
    assert folder.name == "parts"
    assert content(folder) == {"train/good/0.png": b"a", "train/good/1.png": b"b"}
    assert urls.shown(folder) == memory.url
    assert urls.shown(folder / "train") == f"{memory.url}/train"
    fetches.names.clear()
    assert mirrors.mirrored(memory.url) == folder and not fetches.names
    memory.put("train/good/1.png", b"c")  # of the same size
    memory.put("train/good/2.png", b"d")
    memory.remove("train/good/0.png")
    assert content(mirrors.mirrored(memory.url)) == {"train/good/1.png": b"c", "train/good/2.png": b"d"}
    assert sorted(fetches.names) == ["train/good/1.png", "train/good/2.png"]


def test_what_is_here_can_not_be_changed_by_mistake(memory):
    memory.put("0.png", b"a")
    assert (mirrors.mirrored(memory.url) / "0.png").stat().st_mode & 0o222 == 0


def test_an_interrupted_fetch_goes_on_where_it_was(memory, fetches):
    names = [f"test/{number}.png" for number in range(30)]
    for name in names:
        memory.put(name, name.encode())
    fetches.fails_at = "test/7.png"
    with pytest.raises(MachineError, match=r"can't be reached \(the line is cut\).*same command goes on"):
        mirrors.mirrored(memory.url)
    with pytest.raises(MissingInputError, match="not fetched here"):  # it is not whole
        urls.here(memory.url, "maps")
    first, fetches.fails_at = set(fetches.names), ""
    fetches.names.clear()
    assert set(content(mirrors.mirrored(memory.url))) == set(names)
    noted = (urls.mirror_of(memory.url) / "fetched.jsonl").read_text()
    assert len(noted.splitlines()) == 30
    assert first and len(fetches.names) < 30  # what was whole is not fetched again
    assert not list(urls.mirror_of(memory.url).rglob("*.part*"))


def test_half_a_line_of_the_list_costs_one_file(memory, fetches):
    for name in ("0.png", "1.png"):
        memory.put(name, b"a")
    mirrors.mirrored(memory.url)
    listed = urls.mirror_of(memory.url) / "fetched.jsonl"
    listed.write_text(listed.read_text()[:-20])
    fetches.names.clear()
    mirrors.mirrored(memory.url)
    assert fetches.names == ["1.png"]


def test_a_file_that_is_gone_or_cut_here_is_fetched_again(memory, fetches):
    for name in ("0.png", "1.png"):
        memory.put(name, b"abc")
    folder = mirrors.mirrored(memory.url)
    (folder / "0.png").unlink()
    (folder / "1.png").chmod(0o644)
    (folder / "1.png").write_bytes(b"a")
    fetches.names.clear()
    assert content(mirrors.mirrored(memory.url)) == {"0.png": b"abc", "1.png": b"abc"}
    assert sorted(fetches.names) == ["0.png", "1.png"]


def test_one_picture_is_fetched_alone(memory, fetches):
    memory.put("new.png", b"a")
    memory.put("new.png.txt", b"another")
    found = mirrors.mirrored(f"{memory.url}/new.png")
    assert (found.name, found.read_bytes()) == ("new.png", b"a")
    assert fetches.names == ["new.png"]


def test_what_was_fetched_before_is_read_without_asking(memory, monkeypatch):
    memory.put("0.png", b"a")
    folder = mirrors.mirrored(memory.url)
    monkeypatch.setattr(Storage, "__init__", lambda *_: pytest.fail("asked"))
    assert urls.here(memory.url, "maps") == folder


def test_a_file_url_is_the_folder_itself(tmp_path):
    assert mirrors.mirrored(f"file://{tmp_path}/data") == tmp_path / "data"
    assert urls.here(f"file://{tmp_path}/data", "maps") == tmp_path / "data"


def test_nothing_there_is_said(memory):
    with pytest.raises(MissingInputError, match="nothing at memory://nowhere: no such bucket or folder"):
        mirrors.mirrored("memory://nowhere")


def test_an_unknown_kind_of_url_is_refused():
    with pytest.raises(UsageError, match=r"nosuch:// can't be read .*s3://, gs://, hf:// and file://"):
        mirrors.mirrored("nosuch://a/b")


def test_what_is_not_installed_is_said_with_the_way_to_get_it(monkeypatch):
    import fsspec

    def missing(_):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(UsageError, match=r"s3:// is not installed \(Install s3fs.*pip install '\.\[cloud\]'"):
        mirrors.mirrored("s3://bucket/data")


def test_a_disk_without_room_is_said_before_anything_is_fetched(memory, fetches, monkeypatch):
    memory.put("0.png", b"a" * 1000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 0))
    with pytest.raises(MachineError, match=r"takes 0 MB more, and 0 MB are free at .*XDG_CACHE_HOME"):
        mirrors.mirrored(memory.url)
    assert not fetches.names


def test_names_that_lead_out_of_the_folder_are_refused(memory, monkeypatch, fetches):
    memory.put("0.png", b"a")
    bad = {f"/pictures/parts/{name}": {"size": 1, "created": 1} for name in ("0.png", "../../../evil.png")}
    monkeypatch.setattr(type(memory.system), "find", lambda *_, **__: bad)
    with pytest.raises(BadDataError, match="leads out of it"):
        mirrors.mirrored(memory.url)
    assert not fetches.names


def test_a_file_that_comes_in_part_is_not_taken(memory, tmp_path):
    memory.put("0.png", b"abc")
    with pytest.raises(MachineError, match="3 of 9 bytes"):
        Storage(memory.url).fetch(RemoteFile("/pictures/parts/0.png", 9, "m"), tmp_path / "x")


class NoCredentialsError(Exception):
    pass


class EndpointConnectionError(Exception):
    pass


class RepositoryNotFoundError(OSError):
    pass


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (FileNotFoundError("a/b"), MissingInputError, "no such bucket"),
        (RepositoryNotFoundError("404"), MissingInputError, "no such bucket"),
        (PermissionError("Access Denied"), MissingInputError, "AWS_ACCESS_KEY_ID"),
        (NoCredentialsError("Unable to locate credentials"), MissingInputError, "HF_TOKEN"),
        (EndpointConnectionError("Could not connect"), MachineError, "Is there a network"),
        (OSError(101, "Network is unreachable"), MachineError, "Is there a network"),
        (RuntimeError("odd\nwith a trace"), MachineError, r"can't be read \(RuntimeError: odd\)"),
    ],
)
def test_errors_of_storages_are_said_in_words_of_ours(error, kind, text):
    found = systems.said("s3://bucket/data", error)
    assert type(found) is kind
    with pytest.raises(kind, match=text):
        raise found


def test_a_full_disk_stays_what_it_is():
    error = OSError(28, "No space left on device", "x")
    assert systems.said("s3://bucket", error) is error
