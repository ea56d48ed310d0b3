import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from adtool.core import files
from adtool.core.errors import LockedError
from adtool.core.steps import locks
from adtool.core.steps.oslock import OsLock

# Holds a folder until its stdin is closed, or for good.
HOLDER = """
import sys
from pathlib import Path
from adtool.core.steps import locks
with locks.writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def end(process):
    process.communicate(timeout=60)


def there(folder):
    return sorted(path.name for path in folder.iterdir())


def left_note(folder, **changes):
    """A note as a holder leaves it that was killed."""
    note = {"host": "elsewhere", "pid": 1, "command": "adtool maps", "since": "then", "token": "x", **changes}
    files.write_json(folder / locks.NOTE, note)
    return folder / locks.NOTE


def test_the_second_writer_is_told_who_holds_the_folder_and_the_third_comes_after_its_end(tmp_path):
    folder = tmp_path / "maps"
    first = hold(folder)
    try:
        with pytest.raises(LockedError) as caught, locks.writing(folder):
            pass
        assert f"process {first.pid} on {platform.node()} since" in str(caught.value)
        assert caught.value.exit_code == 3
        assert there(folder) == [locks.LOCK, locks.NOTE], "the refused one took nothing away"
    finally:
        end(first)
    with locks.writing(folder):
        files.write_text(folder / "map.txt", "x")
    assert there(folder) == ["map.txt"], "nothing is left"


def test_a_killed_holder_does_not_hold_any_more(tmp_path):
    first = hold(tmp_path)
    first.kill()
    end(first)
    assert there(tmp_path) == [locks.LOCK, locks.NOTE]
    with locks.writing(tmp_path):
        assert json.loads((tmp_path / locks.NOTE).read_text())["pid"] == os.getpid()
    assert there(tmp_path) == []


def test_what_a_killed_writer_left_half_written_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "a/test").mkdir(parents=True)
    (tmp_path / "big disk").mkdir()
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/linked").symlink_to(tmp_path / "big disk", target_is_directory=True)
    (tmp_path / "a").rename(tmp_path / "maps/a")
    kept = ["maps/a/test/.DS_Store", "maps/a/test/x.part1.png", "maps/a/.part.png"]
    gone = ["maps/a/test/.003.part17.tiff", "maps/._step.part4.json", "big disk/.x.part3", "maps/a/.v1.2.part9.csv"]
    for name in kept + gone:
        (tmp_path / name).write_text("x")
    with locks.writing(tmp_path / "maps"):
        assert [name for name in kept + gone if (tmp_path / name).exists()] == kept


def test_a_folder_inside_that_has_a_lock_of_its_own_is_left_alone(tmp_path):
    inside = hold(tmp_path / "report/first")
    try:
        half = tmp_path / "report/first/.all.part5.png"
        half.write_text("x")
        with locks.writing(tmp_path / "report"):
            assert half.exists()
    finally:
        end(inside)


def test_parts_of_one_command_may_write_the_same_folder(tmp_path):
    with locks.writing(tmp_path) as outer, locks.writing(tmp_path / ".") as inner:
        assert inner is outer
    assert there(tmp_path) == []


def test_another_thread_is_another_writer(tmp_path):
    errors = []

    def write():
        try:
            with locks.writing(tmp_path):
                pass
        except LockedError as error:
            errors.append(error)

    with locks.writing(tmp_path):
        other = Thread(target=write)
        other.start()
        other.join()
    assert len(errors) == 1


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path):
    with locks.writing(tmp_path / "maps"):
        pass
    assert not (tmp_path / "maps").exists()


# Other hosts


def test_a_note_of_another_host_counts_while_it_is_renewed(tmp_path):
    left_note(tmp_path)
    with pytest.raises(LockedError, match=r"process 1 on elsewhere since then: adtool maps\. .*--break-lock"):
        locks.writing(tmp_path).__enter__()
    assert there(tmp_path) == [locks.NOTE]


def test_and_no_longer_when_it_was_not_renewed_for_two_minutes(tmp_path):
    note = left_note(tmp_path)
    os.utime(note, (time.time() - 1, time.time() - locks.STALE_S - 1))
    with locks.writing(tmp_path):
        assert files.read_json(note)["host"] == platform.node()


def test_or_when_the_user_says_so(tmp_path):
    note = left_note(tmp_path)
    with locks.breaking(allowed=True), locks.writing(tmp_path):
        assert files.read_json(note)["host"] == platform.node()


@pytest.mark.slow
def test_a_lock_that_the_system_of_another_host_holds_can_be_broken_and_one_of_this_host_can_not(tmp_path):
    first = hold(tmp_path)
    try:
        with locks.breaking(allowed=True), pytest.raises(LockedError, match=str(first.pid)):
            locks.writing(tmp_path).__enter__()
        left_note(tmp_path)  # as if the holder were there
        with locks.breaking(allowed=True), locks.writing(tmp_path):
            pass
    finally:
        end(first)
    assert there(tmp_path) == []


def test_a_holder_notices_that_the_folder_was_taken_from_it(tmp_path):
    with locks.writing(tmp_path) as held:
        held.check()
        left_note(tmp_path, command="adtool maps --break-lock")
        with pytest.raises(LockedError, match=r"taken over .*elsewhere.*--break-lock"):
            held.check()


def test_the_holder_renews_its_note(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_S", 0.01)
    with locks.writing(tmp_path):
        note = tmp_path / locks.NOTE
        os.utime(note, (1, 1))
        deadline = time.monotonic() + 30
        while note.stat().st_mtime < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)


# File systems without locks


def test_without_locks_of_the_system_the_process_of_the_note_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "adtool.core.steps.oslock._take", lambda _: (_ for _ in ()).throw(OSError(locks.errno.ENOLCK, "no"))
    )
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left_note(tmp_path, host=platform.node(), pid=child.pid)
    with locks.writing(tmp_path):
        pass
    left_note(tmp_path, host=platform.node(), pid=os.getppid())
    with pytest.raises(LockedError):
        locks.writing(tmp_path).__enter__()


# Scratch folders


def test_scratch_folders_of_killed_processes_are_removed_and_those_of_living_ones_are_not(tmp_path):
    with locks.scratch("adtool-x", tmp_path) as mine:
        (mine / "a.txt").write_text("x")
        left = tmp_path / "adtool-x-1"
        left.mkdir()
        (left / locks.LOCK).touch()
        with locks.scratch("adtool-x", tmp_path) as other:
            assert there(tmp_path) == sorted([mine.name, other.name])
    assert there(tmp_path) == []


def test_a_process_that_opened_a_lock_file_before_it_was_removed_looks_again(tmp_path):
    from adtool.core.steps.oslock import OsLock

    first, second = OsLock(tmp_path / "lock"), OsLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    assert Path(tmp_path / "lock").exists()
    second.release()
    second.release()
    assert there(tmp_path) == []


def test_a_folder_that_vanishes_while_its_lock_is_taken_is_made_again(tmp_path, monkeypatch):
    folder = tmp_path / "maps"
    real, tries = OsLock.acquire, []

    def acquire(self):
        if not tries:
            folder.rmdir()  # as another does that made it, and found nothing to write
        tries.append(1)
        return real(self)

    monkeypatch.setattr(OsLock, "acquire", acquire)
    with locks.writing(folder):
        assert there(folder) == [locks.LOCK, locks.NOTE]


def test_what_vanishes_is_said_with_whoever_writes_there(tmp_path):
    gone = tmp_path / "maps" / "bolt" / "a.tiff"
    error = FileNotFoundError(2, "No such file", str(gone))
    assert "was removed or renamed" in str(locks.vanished(error))
    assert locks.vanished(error).exit_code == 3
    left_note(tmp_path / "maps")
    assert f"{tmp_path / 'maps'} is being written by process 1 on elsewhere" in str(locks.vanished(error))
    assert locks.vanished(ValueError("x")) is None
    assert locks.vanished(FileNotFoundError("no path")) is None


# Parts of a folder


def test_parts_are_written_side_by_side_each_by_one(tmp_path):
    with locks.writing(tmp_path, "1-of-2"), locks.writing(tmp_path, "2-of-2"):
        assert there(tmp_path) == [
            f"{locks.LOCK}.{part}{end}" for part in ("1-of-2", "2-of-2") for end in ("", ".json")
        ]
        errors = []
        other = Thread(target=lambda: errors.append(refusal(tmp_path, "1-of-2")))
        other.start()
        other.join()
        assert "is being written by process" in errors[0]
    assert there(tmp_path) == []


def refusal(folder, part=""):
    try:
        with locks.writing(folder, part):
            return ""
    except LockedError as error:
        return str(error)


@pytest.mark.slow
def test_nobody_writes_the_whole_while_a_part_is_written_nor_a_part_beside_the_whole(tmp_path, monkeypatch):
    first = hold(tmp_path)
    try:
        assert f"process {first.pid}" in refusal(tmp_path, "1-of-2")
    finally:
        end(first)
    with locks.writing(tmp_path, "1-of-2"):
        half = tmp_path / ".a.part5.tiff"
        half.write_text("x")
        monkeypatch.setattr(locks, "_held", {})  # as another process
        assert "is being written by process" in refusal(tmp_path)
        with locks.writing(tmp_path, "2-of-2"):
            assert half.exists(), "its fellow may be at it"
    with locks.writing(tmp_path):
        assert not half.exists()


@pytest.mark.slow
def test_a_killed_part_keeps_nobody_away_and_a_living_one_of_another_host_does(tmp_path):
    (tmp_path / f"{locks.LOCK}.1-of-2").touch()
    files.write_json(tmp_path / f"{locks.LOCK}.1-of-2.json", {"host": platform.node(), "pid": 1, "token": "x"})
    with locks.writing(tmp_path):
        pass
    assert there(tmp_path) == []
    note = tmp_path / f"{locks.LOCK}.1-of-2.json"
    files.write_json(note, {"host": "elsewhere", "pid": 1, "command": "adtool maps --shard 1/2", "token": "x"})
    assert "on elsewhere" in refusal(tmp_path)
    assert "on elsewhere" in refusal(tmp_path, "1-of-2")
    assert refusal(tmp_path, "2-of-2") == ""
    with locks.breaking(allowed=True):
        assert refusal(tmp_path) == ""
    assert there(tmp_path) == []


@pytest.mark.slow
def test_one_that_waits_comes_after_the_end(tmp_path):
    first = hold(tmp_path)
    found = []

    def write():
        with locks.waiting(allowed=True), locks.writing(tmp_path):
            found.append(first.poll())

    waiter = Thread(target=write)
    waiter.start()
    waiter.join(timeout=2 * locks.PATIENCE_S)
    assert waiter.is_alive()
    end(first)
    waiter.join(timeout=30)
    assert len(found) == 1
