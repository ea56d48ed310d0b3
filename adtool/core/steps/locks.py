"""One writer a folder: an OS lock, and beside it a note that says who holds it.

The system takes the lock back when its process ends, however it ends, so a lock of this host is never stale. Where
the lock does not reach (another host on a file system without such locks) the note decides: its holder renews its
time, and a note that was not renewed for `STALE_S` is of a holder that is gone. Both files are hidden, are removed at
the end and do no harm where a kill leaves them.
"""

import errno
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from threading import Event, Thread, get_ident
from typing import Any

from adtool.core import files
from adtool.core.errors import AdtoolError, LockedError, MissingInputError
from adtool.core.steps.oslock import OsLock

LOCK, NOTE = ".adtool-lock", ".adtool-lock.json"
BEAT_S = 10.0  # the holder renews the time of its note
STALE_S = 120.0  # a note that is older is of a holder that is gone
PATIENCE_S = 0.5  # another may hold the lock for the moment that it takes to look
UNCLAIMED_S = 3600.0  # a scratch folder without a lock file is of a process that was killed while it made it
MEANWHILE = "while adtool worked with it"
NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK}  # of a file system that has none

_breaks: ContextVar[bool] = ContextVar("adtool_break_lock", default=False)
_held: dict[
    Path, "FolderLock"
] = {}  # by this process: a composition's steps may write one folder inside another's work


@contextmanager
def breaking(*, allowed: bool) -> Iterator[None]:
    """Within this context a lock of another host is taken away from it if `allowed`."""
    token = _breaks.set(allowed)
    try:
        yield
    finally:
        _breaks.reset(token)


@dataclass
class FolderLock:
    """A folder that this process writes."""

    folder: Path  # resolved
    shown: Path  # as the user gave it
    thread: int = field(default_factory=get_ident)
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    ended: Event = field(default_factory=Event)

    def check(self) -> None:
        """Refuse to go on where another took the lock away.

        Raises:
            LockedError: it did.
        """
        note = _note(self.folder)
        if note.get("token") != self.token:
            raise LockedError(
                f"{self.shown} was taken over while this command wrote it (by {_holder(note)}). Stop one of the two, "
                "and run the other again with --force."
            )

    def keep_alive(self) -> None:
        """Renew the note's time until the end."""
        while not self.ended.wait(BEAT_S):
            with suppress(OSError):
                if _note(self.folder).get("token") == self.token:
                    os.utime(self.folder / NOTE)


@contextmanager
def writing(folder: Path) -> Iterator[FolderLock]:
    """Be the one that writes a folder; what killed ones left half written in it is removed.

    Raises:
        LockedError: another process writes it.
    """
    full = folder.resolve()
    outer = _held.get(full)
    if outer is not None and outer.thread == get_ident():  # another part of the same command
        yield outer
        return
    is_new = not full.exists()
    full.mkdir(parents=True, exist_ok=True)
    lock = _acquire(full, folder)
    held = FolderLock(full, folder)
    try:
        _claim(held, is_alone=lock is not None)
        _held[full] = held
        Thread(target=held.keep_alive, daemon=True).start()
        _remove_temporary(full)
        yield held
    finally:
        if _held.get(full) is held:
            del _held[full]
        held.ended.set()
        _release(held, lock)
        if is_new:
            with suppress(OSError):  # unless there is something in it
                full.rmdir()


def tidy(folder: Path) -> None:
    """Remove what a killed process left in a folder in which there is nothing else to do."""
    if any((folder / name).exists() for name in (LOCK, NOTE)):
        with suppress(LockedError, OSError), writing(folder):
            pass


def _remove_temporary(folder: Path) -> None:
    """Remove what killed writers left in a folder that we hold, and below.

    Folders with a lock of their own are not ours; those of the first level may be links to another disk.
    """
    linked = [path for path in folder.iterdir() if path.is_symlink() and path.is_dir()]
    for top in (folder, *linked):
        for parent, inside, names in os.walk(top):
            if Path(parent) != folder and LOCK in names:
                inside.clear()
                continue
            for name in filter(files.is_temporary, names):
                (Path(parent) / name).unlink(missing_ok=True)


def _acquire(full: Path, shown: Path) -> OsLock | None:
    """The system's lock on a folder; None where the file system has none.

    Raises:
        LockedError: another process holds it.
    """
    lock = OsLock(full / LOCK)
    deadline = time.monotonic() + PATIENCE_S
    while not _is_taken(lock, full):
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        note = _note(full)
        is_here = note.get("host") in (None, platform.node())
        if is_here or not _breaks.get():
            raise LockedError(_refusal(shown, note, is_here=is_here))
        (full / LOCK).unlink(missing_ok=True)  # its holder keeps a lock on a file that is gone
        deadline = time.monotonic() + PATIENCE_S
    return lock if lock.is_held else None


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


def _claim(held: FolderLock, *, is_alone: bool) -> None:
    """Write the note; `is_alone`: no process of this host holds the folder, since we have its lock.

    Raises:
        LockedError: the note that is there is of a living holder.
    """
    path = held.folder / NOTE
    there = _note(held.folder)
    is_here = there.get("host") == platform.node()
    is_gone = is_alone if is_here else _breaks.get()
    if path.exists() and not (is_gone or _is_stale(path) or (is_here and not _is_alive(there.get("pid")))):
        raise LockedError(_refusal(held.shown, there, is_here=is_here))
    mine = {
        "host": platform.node(),
        "pid": os.getpid(),
        "command": " ".join(["adtool", *sys.argv[1:]]),
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "token": held.token,
    }
    files.write_json(path, mine)
    held.check()  # of two that wrote at once where there are no locks, the last one stays


def _is_stale(path: Path) -> bool:
    """Whether a note was not renewed for long, by the clock of its own disk."""
    probe = path.with_name(f"{path.name}{files.TEMPORARY}{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime > STALE_S
    except FileNotFoundError:  # its holder just ended
        return True
    finally:
        probe.unlink(missing_ok=True)


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _release(held: FolderLock, lock: OsLock | None) -> None:
    with suppress(OSError):
        if _note(held.folder).get("token") == held.token:
            (held.folder / NOTE).unlink(missing_ok=True)
    if lock is not None:
        lock.release()


def _note(folder: Path) -> dict[str, Any]:
    note = files.read_json(folder / NOTE)
    return note if isinstance(note, dict) else {}


def _holder(note: dict[str, Any]) -> str:
    if not note:
        return "another process"
    return f"process {note.get('pid')} on {note.get('host')} since {note.get('since')}: {note.get('command')}"


def _refusal(folder: Path, note: dict[str, Any], *, is_here: bool) -> str:
    remedy = "Wait until it ends, or stop it; then run this again."
    if not is_here:
        remedy = f"Wait until it ends; if it is gone, wait {STALE_S:.0f} s, or add --break-lock."
    return f"{folder} is being written by {_holder(note)}. {remedy}"


def vanished(error: BaseException) -> AdtoolError | None:
    """What to say of a file or folder that was there a moment ago, by its error; None for other errors."""
    name = error.filename if isinstance(error, FileNotFoundError | NotADirectoryError) else None
    if not isinstance(name, str | bytes):
        return None
    path = Path(os.fsdecode(name))
    for folder in path.absolute().parents:
        if note := _note(folder):
            return LockedError(f"{path} is gone. {_refusal(folder, note, is_here=note.get('host') == platform.node())}")
    return MissingInputError(f"{path} was removed or renamed {MEANWHILE}. Run the same command again.")


@contextmanager
def scratch(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder, removed at the end; those of the same name that killed processes left are removed first.

    Args:
        name: what it begins with.
        parent: where; by default the system's place for temporary files.
    """
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{name}-*"):
        if _is_abandoned(left):
            rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    lock = OsLock(folder / LOCK)
    try:
        with suppress(OSError):  # where there are none
            lock.acquire()
        yield folder
    finally:
        lock.release()
        rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        if not (folder / LOCK).exists():
            return time.time() - folder.stat().st_mtime > UNCLAIMED_S
        lock = OsLock(folder / LOCK)
        is_free = lock.acquire()
    except OSError:  # someone else's, or gone
        return False
    lock.release()
    return is_free
