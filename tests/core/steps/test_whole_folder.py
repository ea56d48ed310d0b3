"""A folder that is written as one piece: what is done is skipped, what is not is gone on with, or begins anew."""

import logging

import pytest

from adtool.core import files
from adtool.core.errors import BadDataError, UsageError
from adtool.core.steps import notes, whole_folder
from adtool.core.steps.identity import Identity
from adtool.core.steps.whole_folder import WholeFolder


class StoppedError(Exception):
    """As a kill."""


@pytest.fixture
def write(tmp_path):
    """Write a folder of one file; whether there was anything to do, and what lay there then."""

    def call(value=1, *, force=False, stop=False, file="a", **asked):
        out = tmp_path / "out"
        whole = WholeFolder(out, Identity("make", {"value": value}, 0, {}), {"more": 1}, **asked)
        with whole_folder.writing(whole, force=force) as work:
            there = sorted(one.name for one in out.iterdir() if one.name.isalpha())
            if not work.is_done:
                assert notes.read_note(out).state == "running"
                (out / file).write_text(str(value))
                work.result["images"], work.more["files"] = value, {"a": 1}
            if stop:
                raise StoppedError
        return work, there

    return call


def test_what_is_done_is_skipped_and_its_note_says_what_was_found(write, tmp_path, caplog):
    assert not write()[0].is_done
    with caplog.at_level(logging.INFO, logger="adtool"):
        again, _ = write()
    assert (again.is_done, again.result) == (True, {"images": 1})
    assert "out: already done, skipped." in caplog.text
    note = files.read_json(tmp_path / "out/_step.json")
    assert (note["state"], note["more"], note["files"], note["settings"]) == ("done", 1, {"a": 1}, {"value": 1})


def test_other_settings_are_refused_and_force_begins_anew(write):
    write()
    with pytest.raises(UsageError, match="value: 1 -> 2"):
        write(2)
    assert write(2, force=True)[1] == []


def test_what_was_broken_off_is_gone_on_with(write):
    with pytest.raises(StoppedError):
        write(stop=True)
    work, there = write()
    assert (work.is_done, there) == (False, ["a"])


def test_what_was_broken_off_begins_anew_where_it_can_not_be_gone_on_with(write):
    with pytest.raises(StoppedError):
        write(stop=True)
    assert write(goes_on=False)[1] == []


def test_what_was_broken_off_and_is_made_otherwise_is_refused_unless_it_restarts(write, caplog):
    with pytest.raises(StoppedError):
        write(stop=True)
    with pytest.raises(UsageError, match="value: 1 -> 2"):
        write(2)
    with caplog.at_level(logging.INFO, logger="adtool"):
        assert write(2, restarts=True)[1] == []
    assert "something changed since (value: 1 -> 2): made again." in caplog.text
    with pytest.raises(UsageError):  # it is finished
        write(3, restarts=True)


def test_what_a_finished_folder_lacks_is_said_and_made_again(write, tmp_path, caplog):
    def missing(_):
        return [path for path in [tmp_path / "out/a"] if not path.exists()]

    write()
    (tmp_path / "out/a").unlink()
    assert not write(missing=missing)[0].is_done
    assert "1 file is missing" in caplog.text
    assert write(missing=missing)[0].is_done


def test_what_does_not_fit_any_more_is_made_again_on_what_is_there(write, caplog):
    write()
    work, there = write(fits=lambda note: note.result.images == 2)
    assert (work.is_done, there) == (False, ["a"])
    assert "made again" not in caplog.text


def test_what_something_removes_at_once_is_not_called_done(write, tmp_path):
    with pytest.raises(BadDataError, match="1 file is missing"):
        write(missing=lambda _: [tmp_path / "out/b"])
    assert notes.read_note(tmp_path / "out").state == "running"
