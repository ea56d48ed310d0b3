"""The note of a step's folder: the categories with their states, and what the step read."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from adtool.core import files, json_files, layout
from adtool.core.steps import workspace_paths
from adtool.core.steps.notes import read_at, read_note

MOST_REMEMBERED = 10_000  # categories
NOT_COMPARED = ("state", json_files.FORMAT)  # what does not make it another


def is_written(out: Path, command: str, notes: Mapping[str, object]) -> bool:
    """Whether the note of a folder says what it should; arguments as of `write`."""
    old, summary = _summary(out, command, notes)
    return summary == old


def write(out: Path, command: str, notes: Mapping[str, object]) -> None:
    """Write the note of a folder, whose lock is held, unless it says the same.

    Args:
        out: the folder.
        command: of the step.
        notes: what it shall say besides, such as the data set; what it said before stays.
    """
    old, summary = _summary(out, command, notes)
    if summary != old:
        files.write_json(out / layout.STEP_FILE, json_files.numbered(summary))


def _summary(out: Path, command: str, notes: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the note says, and what it should say."""
    before = read_note(out)
    old = {key: value for key, value in before.document.items() if key not in NOT_COMPARED}
    found = {sub.name: _noted_state(sub / layout.STEP_FILE) for sub in _category_folders(out)}
    states = {name: state or None for name, state in found.items() if state is not None}
    kept = {key: value for key, value in old.items() if key not in ("command", "categories")}
    return old, {"command": command, "categories": states, **kept, **workspace_paths.in_note(notes, out)}


def _noted_state(path: Path) -> str | None:
    """The state that a note has, None if there is no note; written again after each category, it is read once."""
    try:
        seen = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _read_state(path, seen.st_ino, seen.st_size, seen.st_mtime_ns)


@lru_cache(maxsize=MOST_REMEMBERED)
def _read_state(path: Path, inode: int, size: int, modified_ns: int) -> str | None:
    """Whatever comes after the path only tells one state of the file from another."""
    note = read_at(path)
    return note.state if note.is_there else None


def _category_folders(out: Path) -> list[Path]:
    return sorted(sub for sub in out.iterdir() if sub.is_dir()) if out.is_dir() else []
