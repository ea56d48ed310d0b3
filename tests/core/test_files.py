import errno
import hashlib

import pytest

from adtool.core import files
from adtool.core.errors import BadDataError


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_is_written_can_be_read_again(tmp_path):
    files.write_json(tmp_path / "a/b.json", {"name": "Größe", "n": 1})
    assert files.read_json(tmp_path / "a/b.json") == {"name": "Größe", "n": 1}
    assert names(tmp_path) == ["b.json"], "no temporary file is left"


def test_a_writer_that_fails_in_the_middle_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail(part):
        part.write_text("half of the n")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.write_with(target, fail)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_writer_that_is_interrupted_leaves_no_file(tmp_path):
    def fail(part):
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_with(tmp_path / "x.png", fail)
    assert names(tmp_path) == []


def test_a_killed_writer_leaves_no_file_that_reads_as_whole(tmp_path):
    """A kill leaves the temporary file: it is hidden, and not called like the target."""

    seen = []
    files.write_with(tmp_path / "003.tiff", lambda part: (seen.append(part), part.write_text("x")))
    assert seen[0].name.startswith(".")
    assert seen[0].suffix == ".tiff", "encoders look at the suffix"
    assert seen[0].parent == tmp_path, "only within one file system a rename is one step"


def test_what_a_kill_left_is_not_written_into(tmp_path):
    """The left-over may be a hard link to someone's image, and the process number may come again."""
    source, target = tmp_path / "source.png", tmp_path / "out/source.png"
    source.write_bytes(b"mine")
    seen = []
    files.write_with(target, lambda part: (seen.append(part), part.write_bytes(b"x")))
    target.unlink()
    seen[0].hardlink_to(source)  # as a kill between link and rename leaves it
    files.write_bytes(target, b"theirs")
    assert source.read_bytes() == b"mine"
    seen[0].hardlink_to(source)
    files.link_or_copy(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"mine", b"mine")


def test_images_are_linked_where_possible_else_copied(tmp_path, monkeypatch):
    source = tmp_path / "a.png"
    source.write_bytes(b"pixels")
    files.link_or_copy(source, tmp_path / "linked.png")
    assert source.samefile(tmp_path / "linked.png")
    monkeypatch.setattr(
        "pathlib.Path.hardlink_to", lambda *_: (_ for _ in ()).throw(OSError(errno.EXDEV, "other disk"))
    )
    files.link_or_copy(source, tmp_path / "copied.png")
    assert not source.samefile(tmp_path / "copied.png")
    assert (tmp_path / "copied.png").read_bytes() == b"pixels"


def test_a_table_keeps_what_a_float32_holds_and_names_with_commas(tmp_path):
    table = tmp_path / "t.csv"
    files.write_csv(table, ["id", "score", "gone"], [{"id": 'test/a "b", c/ä', "score": 1 / 3, "gone": None}])
    assert files.read_csv(table) == [{"id": 'test/a "b", c/ä', "score": "0.333333333", "gone": ""}]


def test_a_table_from_a_spreadsheet_may_begin_with_a_byte_order_mark_and_have_short_lines(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"\xef\xbb\xbfclass,name\r\nc1,hole\r\nc2\r\n")
    assert files.read_csv(table, by_hand=True) == [{"class": "c1", "name": "hole"}, {"class": "c2", "name": ""}]


def test_a_table_in_another_encoding_is_an_error_that_names_it(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes("class,name\nc1,Löcher\n".encode("latin-1"))
    with pytest.raises(BadDataError, match=r"t\.csv can't be read as a table .*UTF-8"):
        files.read_csv(table)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_damaged_document_reads_as_none(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    assert files.read_json(tmp_path / "x.json") is None


def test_a_fingerprint_sees_name_size_and_every_byte(tmp_path):
    one = tmp_path / "x.png"
    one.write_bytes(b"a" * files.HEAD_BYTES + b"bc")
    before = files.fingerprint([("x", one)])
    assert files.fingerprint([("y", one)]) != before
    one.write_bytes(b"a" * files.HEAD_BYTES + b"bd")
    behind = files.fingerprint([("x", one)])
    assert behind != before
    assert behind.partition("-")[0] == before.partition("-")[0], "what adtool 0.1.0 saw of it"
    one.write_bytes(b"a" * files.HEAD_BYTES + b"bcd")
    assert files.fingerprint([("x", one)]).partition("-")[0] != before.partition("-")[0]


def test_the_first_part_of_a_fingerprint_is_that_of_adtool_0_1_0(tmp_path):
    one = tmp_path / "x.png"
    one.write_bytes(b"abc")
    assert files.fingerprint([("x", one)]).partition("-")[0] == hashlib.sha256(b"x\0003\0abc").hexdigest()[:16]


def test_a_fingerprint_does_not_depend_on_the_order_of_listing(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name)
    pairs = [(name, tmp_path / name) for name in "ab"]
    assert files.fingerprint(pairs) == files.fingerprint(reversed(pairs))
