"""The note beside a lock, which says who holds it, and the names of locks.

A folder has one lock for whoever writes all of it, and one for each part that is written side by side with others.
"""

import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adtool.core import files

LOCK, NOTE = ".adtool-lock", ".adtool-lock.json"
STALE_S = 120.0  # a note that is older is of a holder that is gone
WHOLE = ""  # the part that is all of a folder


def lock_of(folder: Path, part: str) -> Path:
    """The lock file of a part of a folder."""
    return folder / (f"{LOCK}.{part}" if part else LOCK)


def note_of(folder: Path, part: str) -> Path:
    """The note beside it."""
    return folder / f"{lock_of(folder, part).name}.json"


def parts(folder: Path) -> list[str]:
    """Parts of a folder that have a lock or its note, but for the whole; those may be of killed holders."""
    names = {path.name.removesuffix(".json") for path in folder.glob(f"{LOCK}.*") if path.name != NOTE}
    return sorted(name.removeprefix(f"{LOCK}.") for name in names if not files.is_temporary(name))


def read(folder: Path, part: str = WHOLE) -> dict[str, Any]:
    """What a note says, nothing if there is none."""
    note = files.read_json(note_of(folder, part))
    return note if isinstance(note, dict) else {}


def all_in(folder: Path) -> Iterator[dict[str, Any]]:
    """The notes of a folder, that of the whole first."""
    return filter(None, (read(folder, part) for part in (WHOLE, *parts(folder))))


def is_here(note: dict[str, Any]) -> bool:
    """Whether its holder runs, or ran, on this host."""
    return note.get("host") == platform.node()


def lives(folder: Path, part: str, *, is_free: bool, breaks: bool) -> bool:
    """Whether there is a note of a living holder.

    Args:
        folder: that is held.
        part: of it.
        is_free: whether no process of this host holds it, since we have its lock.
        breaks: whether the holder of another host is taken for gone.
    """
    path, note = note_of(folder, part), read(folder, part)
    is_ours = is_here(note)
    if not path.exists() or (is_free if is_ours else breaks):
        return False
    return not (_is_stale(path) or (is_ours and not _is_alive(note.get("pid"))))


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


def mine(command: str, token: str) -> dict[str, object]:
    """What this process writes."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "command": command,
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "token": token,
    }


def holder(note: dict[str, Any]) -> str:
    """Who holds a folder, in words."""
    if not note:
        return "another process"
    return f"process {note.get('pid')} on {note.get('host')} since {note.get('since')}: {note.get('command')}"


def refusal(folder: Path, note: dict[str, Any]) -> str:
    """What is said to whoever wants to write a folder that another holds."""
    remedy = "Wait until it ends, or stop it; then run this again."
    if note.get("host") not in (None, platform.node()):
        remedy = f"Wait until it ends; if it is gone, wait {STALE_S:.0f} s, or add --break-lock."
    return f"{folder} is being written by {holder(note)}. {remedy}"
