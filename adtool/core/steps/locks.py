"""One writer a folder: an OS lock, and beside it a note that says who holds it.

The system takes the lock back when its process ends, however it ends, so a lock of this host is never stale. Where
the lock does not reach (another host on a file system without such locks) the note decides: its holder renews its
time, and a note that was not renewed for `STALE_S` is of a holder that is gone. Both files are hidden, are removed at
the end and do no harm where a kill leaves them.

Parts of a folder may be written side by side, each by one writer, and none while someone writes the whole of it.
"""

import errno
import logging
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread, get_ident

from adtool.core import files
from adtool.core.errors import AdtoolError, LockedError, MissingInputError
from adtool.core.steps import lock_notes
from adtool.core.steps.lock_notes import LOCK as LOCK
from adtool.core.steps.lock_notes import NOTE as NOTE
from adtool.core.steps.lock_notes import STALE_S as STALE_S
from adtool.core.steps.lock_notes import WHOLE
from adtool.core.steps.oslock import OsLock
from adtool.core.steps.scratch import scratch as scratch

BEAT_S = 10.0  # the holder renews the time of its note
PATIENCE_S = 0.5  # another may hold the lock for the moment that it takes to look
POLL_S = 0.25  # between two looks of one that waits
MEANWHILE = "while adtool worked with it"
NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK}  # of a file system that has none

_breaks: ContextVar[bool] = ContextVar("adtool_break_lock", default=False)
_waits: ContextVar[bool] = ContextVar("adtool_wait_for_lock", default=False)
_task: ContextVar[tuple[Path, str] | None] = ContextVar("adtool_part_of_folder", default=None)
_held: dict[
    tuple[Path, str], "FolderLock"
] = {}  # by this process: a composition's steps may write one folder inside another's work

log = logging.getLogger("adtool")


@contextmanager
def breaking(*, allowed: bool) -> Iterator[None]:
    """Within this context a lock of another host is taken away from it if `allowed`."""
    token = _breaks.set(allowed)
    try:
        yield
    finally:
        _breaks.reset(token)


@contextmanager
def waiting(*, allowed: bool) -> Iterator[None]:
    """Within this context one that finds a folder locked waits until it is free, if `allowed`, and says so."""
    token = _waits.set(allowed)
    try:
        yield
    finally:
        _waits.reset(token)


def breaks() -> bool:
    """Whether a lock of another host is taken away from it here."""
    return _breaks.get()


@contextmanager
def writing_a_part(folder: Path, part: str) -> Iterator[None]:
    """Within this context whoever would write the whole of a folder writes a part of it, beside others."""
    token = _task.set((folder.resolve(), part))
    try:
        yield
    finally:
        _task.reset(token)


def part_of(folder: Path, usual: str = WHOLE) -> str:
    """The part of a folder that is written here: that of `writing_a_part`, else the usual one."""
    task = _task.get()
    return task[1] if task is not None and task[0] == folder.resolve() else usual


@dataclass
class FolderLock:
    """A folder that this process writes, or a part of it."""

    folder: Path  # resolved
    shown: Path  # as the user gave it
    part: str = WHOLE
    thread: int = field(default_factory=get_ident)
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    ended: Event = field(default_factory=Event)

    def check(self) -> None:
        """Refuse to go on where another took the lock away.

        Raises:
            LockedError: it did.
        """
        note = lock_notes.read(self.folder, self.part)
        if note.get("token") != self.token:
            raise LockedError(
                f"{self.shown} was taken over while this command wrote it (by {lock_notes.holder(note)}). Stop one of "
                "the two, and run the other again with --force."
            )

    def keep_alive(self) -> None:
        """Renew the note's time until the end."""
        while not self.ended.wait(BEAT_S):
            with suppress(OSError):
                if lock_notes.read(self.folder, self.part).get("token") == self.token:
                    os.utime(lock_notes.note_of(self.folder, self.part))


@contextmanager
def writing(folder: Path, part: str = WHOLE) -> Iterator[FolderLock]:
    """Be the one that writes a folder, or a part of it; what killed ones left half written in it is removed.

    Args:
        folder: to write.
        part: a name; others may write other parts at the same time, but not the whole.

    Raises:
        LockedError: another process writes it.
    """
    full = folder.resolve()
    part = part_of(folder) if part == WHOLE else part
    outer = _held.get((full, part))
    if outer is not None and outer.thread == get_ident():  # another part of the same command
        yield outer
        return
    is_new = not full.exists()
    full.mkdir(parents=True, exist_ok=True)
    lock = _acquire(full, folder, part)
    held = FolderLock(full, folder, part)
    try:
        _claim(held)
        _held[full, part] = held
        Thread(target=held.keep_alive, daemon=True).start()
        if part == WHOLE:  # others are at work beside a part
            remove_temporary(full)
        yield held
    finally:
        if _held.get((full, part)) is held:
            del _held[full, part]
        held.ended.set()
        _release(held, lock)
        if is_new:
            with suppress(OSError):  # unless there is something in it
                full.rmdir()


def tidy(folder: Path) -> None:
    """Remove what a killed process left in a folder in which there is nothing else to do."""
    if any(folder.glob(f"{LOCK}*")):
        with suppress(LockedError, OSError), waiting(allowed=False), writing(folder):
            pass


def remove_temporary(folder: Path) -> None:
    """Remove what killed writers left in a folder that we hold, and below.

    Folders with a lock of their own are not ours; those of the first level may be links to another disk.
    """
    linked = [path for path in folder.iterdir() if path.is_symlink() and path.is_dir()]
    for top in (folder, *linked):
        for parent, inside, names in os.walk(top):
            if Path(parent) != folder and any(name.startswith(LOCK) for name in names):
                inside.clear()
                continue
            for name in filter(files.is_temporary, names):
                (Path(parent) / name).unlink(missing_ok=True)


def others_at_work(folder: Path) -> list[str]:
    """Who else writes parts of a folder at this moment, in words; nobody that this process holds it for."""
    full = folder.resolve()
    busy = [part for part in lock_notes.parts(full) if (full, part) not in _held and _is_busy(full, part)]
    return [lock_notes.holder(lock_notes.read(full, part)) for part in busy]


def _acquire(full: Path, shown: Path, part: str) -> OsLock | None:
    """The system's lock on a folder; None where the file system has none.

    Raises:
        LockedError: another process holds it.
    """
    lock = OsLock(lock_notes.lock_of(full, part))
    deadline, told = time.monotonic() + PATIENCE_S, False
    while (blocker := _blocker(lock, full, part)) is not None:
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        note = lock_notes.read(full, blocker)
        if note.get("host") not in (None, platform.node()) and _breaks.get():
            lock_notes.lock_of(full, blocker).unlink(missing_ok=True)  # its holder keeps a lock on a file that is gone
            if blocker != part:
                lock_notes.note_of(full, blocker).unlink(missing_ok=True)
            deadline = time.monotonic() + PATIENCE_S
        elif _waits.get():
            if not told:
                log.info("%s is being written by %s. Waiting for it.", shown, lock_notes.holder(note))
            told = True
            time.sleep(POLL_S)
        else:
            raise LockedError(lock_notes.refusal(shown, note))
    return lock if lock.is_held else None


def _blocker(lock: OsLock, full: Path, part: str) -> str | None:
    """The part whose holder keeps us from ours: the same, or one that can't be written beside it; None once it is ours.

    Whoever has its lock looks for the others then, and gives it back if there is one: of two that come at once, one
    at least sees the other, and nobody waits with a lock in hand.
    """
    if not _is_taken(lock, full):
        return part
    beside = lock_notes.parts(full) if part == WHOLE else [WHOLE]
    found = None
    if lock_notes.lives(full, part, is_free=lock.is_held, breaks=_breaks.get()):
        found = part
    else:
        found = next((one for one in beside if (full, one) not in _held and _is_busy(full, one)), None)
    if found is not None:
        lock.release()
    return found


def _is_busy(full: Path, part: str) -> bool:
    """Whether another process holds a part; what a killed one left of its lock is removed."""
    if not (lock_notes.lock_of(full, part).exists() or lock_notes.note_of(full, part).exists()):
        return False
    lock = OsLock(lock_notes.lock_of(full, part))
    if not _is_taken(lock, full):
        return True
    is_busy = lock_notes.lives(full, part, is_free=lock.is_held, breaks=_breaks.get())
    if not is_busy:
        lock_notes.note_of(full, part).unlink(missing_ok=True)
    lock.release()
    return is_busy


def _is_taken(lock: OsLock, folder: Path) -> bool:
    """Whether the lock is ours, or there can be none."""
    try:
        return lock.acquire()
    except FileNotFoundError:  # another wrote nothing, and removed the folder that it had made
        folder.mkdir(parents=True, exist_ok=True)
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return True
        raise


def _claim(held: FolderLock) -> None:
    """Write the note.

    Raises:
        LockedError: another wrote it at once, where there are no locks.
    """
    mine = lock_notes.mine(" ".join(["adtool", *sys.argv[1:]]), held.token)
    files.write_json(lock_notes.note_of(held.folder, held.part), mine)
    held.check()  # of two that wrote at once where there are no locks, the last one stays


def _release(held: FolderLock, lock: OsLock | None) -> None:
    with suppress(OSError):
        if lock_notes.read(held.folder, held.part).get("token") == held.token:
            lock_notes.note_of(held.folder, held.part).unlink(missing_ok=True)
    if lock is not None:
        lock.release()


def vanished(error: BaseException) -> AdtoolError | None:
    """What to say of a file or folder that was there a moment ago, by its error; None for other errors."""
    name = error.filename if isinstance(error, FileNotFoundError | NotADirectoryError) else None
    if not isinstance(name, str | bytes):
        return None
    path = Path(os.fsdecode(name))
    for folder in path.absolute().parents:
        if note := next(lock_notes.all_in(folder), None):
            return LockedError(f"{path} is gone. {lock_notes.refusal(folder, note)}")
    return MissingInputError(f"{path} was removed or renamed {MEANWHILE}. Run the same command again.")
