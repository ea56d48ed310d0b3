"""The number of a JSON file's format: what a newer adtool wrote is refused, what is older is read."""

import pytest

from adtool.core import files, json_files
from adtool.core.errors import BadDataError
from adtool.core.json_files import JsonForm


class Card(JsonForm):
    """A card of one field."""

    name: str = ""


@pytest.mark.parametrize("fields", [{}, {"format": 0}, {"format": 1}, {"format": "npy"}])
def test_what_is_of_this_format_of_an_older_one_or_of_none_is_read(tmp_path, fields):
    files.write_json(tmp_path / "card.json", {"name": "a", **fields})
    assert json_files.read(tmp_path / "card.json", Card, "").name == "a"


@pytest.mark.parametrize("number", [2, 1.5, 99])
def test_what_is_of_a_newer_format_is_refused_even_if_its_fields_are_unlike_ours(tmp_path, number):
    files.write_json(tmp_path / "card.json", {"name": ["a"], "format": number})
    newer = rf"card\.json was written by a newer adtool \(format {number}, this one reads up to 1\)\. Update adtool"
    with pytest.raises(BadDataError, match=newer):
        json_files.read(tmp_path / "card.json", Card, "")


def test_the_number_comes_first_and_is_part_of_no_hash(tmp_path):
    old, new, other = (tmp_path / name for name in ("old.json", "new.json", "other.json"))
    files.write_json(old, {"name": "ä", "of": [1, 2.5]})
    files.write_json(new, json_files.numbered({"name": "ä", "of": [1, 2.5]}))
    files.write_json(other, json_files.numbered({"name": "ä", "of": [1, 2.6]}))
    assert next(iter(files.read_json(new))) == "format"
    assert json_files.sha256(new) == json_files.sha256(old) == files.sha256(old)
    assert json_files.sha256(other) != json_files.sha256(old)
