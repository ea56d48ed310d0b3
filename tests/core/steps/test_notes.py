"""Notes of steps: what is damaged is said with its file and its place in it."""

import json

import pytest

from adtool.core import files
from adtool.core.errors import BadDataError
from adtool.core.steps import locks, notes
from adtool.core.steps.identity import Identity
from adtool.core.steps.note_form import NotedResult

WHOLE = {"state": "done", "command": "maps", "seed": 0, "settings": {}, "inputs": {"images": "ab"}, "result": {}}


def write(folder, **fields):
    (folder / "_step.json").write_text(json.dumps({**WHOLE, **fields}))


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b'{"state":' * 400 + b"0" + b"}" * 400,
        b'{"state": ' + b"9" * 6000 + b"}",
        b'{"seed": ' + b"9" * 600 + b"}",
        b'{"result": {"threshold": ' + b"9" * 600 + b"}}",
        b'{"result": {"threshold": NaN}}',
        b'{"result": {"threshold": 1e999}}',
        b'"done"',
        b"",
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_a_file_that_is_no_note_is_an_error_with_its_path(tmp_path, text):
    (tmp_path / "_step.json").write_bytes(text)
    with pytest.raises(BadDataError, match=r"_step\.json is damaged"):
        notes.note_of(tmp_path)
    assert notes.read_note(tmp_path).state == "damaged"


def test_a_folder_in_the_place_of_a_note_is_an_error(tmp_path):
    (tmp_path / "_step.json").mkdir()
    with pytest.raises(BadDataError, match="it is a folder"):
        notes.is_done(tmp_path)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"inputs": "x"}, "inputs"),
        ({"inputs": {"images": 3}}, "inputs.images"),
        ({"result": [1]}, "result"),
        ({"result": {"threshold": "abc"}}, "result.threshold"),
        ({"result": {"threshold": True}}, "result.threshold"),
        ({"result": {"normal_scores": ["a"]}}, "result.normal_scores.0"),
        ({"result": {"false_alarms": "x"}}, "result.false_alarms"),
        ({"settings": {"image_size": 6.5}}, "settings.image_size"),
        ({"seed": "7"}, "seed"),
        ({"state": ["done"]}, "state"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, fields, place):
    write(tmp_path, **fields)
    with pytest.raises(BadDataError, match=rf"damaged \({place}: "):
        notes.require_done(tmp_path, "adtool maps")


def test_a_whole_note_is_read_as_it_is(tmp_path):
    write(tmp_path, result={"threshold": 1, "normal_scores": [0.5, 1], "mine": [None]}, maps=None)
    assert notes.require_done(tmp_path, "adtool maps").whole_result["mine"] == [None]
    assert notes.result_of(tmp_path).threshold == 1
    assert not notes.note_of(tmp_path / "elsewhere").is_there


def test_one_damaged_category_is_not_taken_for_none(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    assert notes.done_categories(tmp_path) == ["a", "b"]
    (tmp_path / "b/_step.json").write_text("{")
    with pytest.raises(BadDataError, match=r"b/_step\.json"):
        notes.done_categories(tmp_path)


def test_a_folder_that_another_process_begins_between_two_looks_is_ours(tmp_path, monkeypatch):
    folder = tmp_path / "maps"
    (folder / "bolt").mkdir(parents=True)
    real, looks = notes._is_foreign, []

    def look(path):
        found = real(path)
        looks.append(found)
        write(path)  # the other one's note
        return found

    monkeypatch.setattr(notes, "_is_foreign", look)
    notes.refuse_foreign(folder)
    assert looks == [True, False]


def test_a_note_that_was_written_anew_is_not_brought_up_to_date_with_the_old_one(tmp_path, monkeypatch):
    write(tmp_path)
    identity = Identity("maps", {}, 0, {"images": "ab-cd"})
    real = locks.writing

    def writing(folder):  # another had the lock, and began the folder anew
        write(tmp_path, state="running", seed=7)
        return real(folder)

    monkeypatch.setattr(locks, "writing", writing)
    notes.upgrade(tmp_path, identity)
    assert files.read_json(tmp_path / "_step.json")["seed"] == 7


def test_a_note_of_a_newer_adtool_is_refused_by_all_who_read_or_remove_it(tmp_path):
    write(tmp_path, format=2, settings="of another kind")
    for look in (notes.read_note, notes.note_of, notes.is_done, notes.remove_folder):
        with pytest.raises(BadDataError, match=r"_step\.json was written by a newer adtool \(format 2"):
            look(tmp_path)


def test_a_folder_with_a_card_of_a_newer_adtool_is_not_removed(tmp_path):
    write(tmp_path)
    files.write_json(tmp_path / "model.json", {"format": 2})
    with pytest.raises(BadDataError, match=r"model\.json was written by a newer adtool"):
        notes.remove_folder(tmp_path)
    assert notes.note_of(tmp_path).state == "done"


@pytest.mark.parametrize(
    ("noted", "same"),
    [
        ({}, True),
        ({"second_network": "other"}, False),
        ({"image_scores": "given", "taken": "given"}, True),
        ({"image_scores": "given", "taken": "given", "second_network": "other"}, False),
        ({"image_scores": "given", "taken": "refined"}, False),
        ({"image_scores": "refined", "taken": "refined", "second_network": "other"}, True),
    ],
)
def test_a_limit_is_in_the_unit_of_maps_only_where_image_scores_are_of_these_maps(noted, same):
    assert NotedResult(**noted).same_unit == same
