import csv
import logging
import os

import pytest

from adtool.core import files
from adtool.core.checks import remarks
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.folders import listing
from adtool.core.folders.suffixes import IMAGE_SUFFIXES


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_links_to_folders_are_followed_and_a_link_to_a_parent_names_both(tmp_path):
    put(tmp_path, "store/ok/a.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/good").symlink_to(tmp_path / "store/ok")
    assert [path.name for path in listing.read(tmp_path / "in").images] == ["a.png"]
    (tmp_path / "store/ok/up").symlink_to(tmp_path / "store")
    with pytest.raises(BadDataError, match=r"in/good/up leads to .*store,"):
        listing.read(tmp_path / "in")


def test_what_is_not_read_is_counted_by_suffix(tmp_path, caplog):
    put(tmp_path, "a.png", "b.PNG", "c.pgm", "1.txt", "2.txt", "3.cr2", "readme.md", "Thumbs.db")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        remarks.say(remarks.of_listing(listing.read(tmp_path)))
    assert "3 files not read (2 .txt, 1 .cr2)" in caplog.text
    assert "1 link leading nowhere" in caplog.text


def test_a_data_set_mostly_of_a_type_that_cannot_be_read_is_refused(tmp_path):
    put(tmp_path, "train/good/a.png", "test/good/a.cr2", "test/good/b.cr2", "test/good/c.png")
    with pytest.raises(BadDataError, match=r"2 pictures of a type that can't be read \(2 \.cr2\)"):
        read_dataset(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="names there are no bytes")
def test_a_name_that_is_no_utf8_is_said_and_left_out(tmp_path):
    put(tmp_path, "a.png")
    (tmp_path / os.fsdecode(b"\xd6l.png")).write_bytes(b"x")
    found = listing.read(tmp_path)
    assert ([path.name for path in found.images], len(found.nameless)) == (["a.png"], 1)


def test_every_suffix_that_is_read_is_one_that_pillow_opens():
    from PIL import Image

    Image.init()
    opened = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    assert opened >= IMAGE_SUFFIXES


def test_cells_come_back_as_they_were_and_no_spreadsheet_computes_them(tmp_path):
    texts = ["a\rb", "=1+1", "'=1", "-rf", "+x", "@x", "\tx", "'q'", "a;b", 'say "x"', "-5", " x "]
    files.write_csv(tmp_path / "t.csv", ["id", "n"], [{"id": text, "n": -0.5} for text in texts])
    assert [row["id"] for row in files.read_csv(tmp_path / "t.csv")] == texts
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        raw = list(csv.DictReader(file))
    assert not [row["id"] for row in raw if row["id"][0] in "=+@\t\r"]
    assert {row["n"] for row in raw} == {"-0.5"}


def test_a_table_with_semicolons_is_read(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\nclass;name\nc1;hole\n")
    assert files.read_csv(tmp_path / "t.csv") == [{"class": "c1", "name": "hole"}]


def test_a_name_of_250_bytes_can_be_written(tmp_path):
    path = tmp_path / ("x" * 246 + ".png")
    files.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"
