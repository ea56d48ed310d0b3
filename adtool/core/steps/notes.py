"""`_step.json` as others read it, and the folders it makes ours."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from adtool.core import files, json_files, layout
from adtool.core.errors import BadDataError, LockedError, MissingInputError, UsageError
from adtool.core.steps import locks
from adtool.core.steps.identity import Identity
from adtool.core.steps.note_form import DAMAGED, NotedResult, StepNote
from adtool.core.steps.provenance import surroundings

RUNNING, DONE, FAILED = "running", "done", "failed"
LOOKS = 3  # at a folder that seems to be someone else's


def read_note(folder: Path) -> StepNote:
    """`_step.json` of a folder, an empty one if there is none.

    One that can't be read has the state `damaged`, and says why under `problem`: it is for those who write the folder
    anew. Whoever reads what a step wrote takes `note_of`.

    Raises:
        BadDataError: a newer adtool wrote it.
    """
    return read_at(folder / layout.STEP_FILE)


def read_at(path: Path) -> StepNote:
    """The same of a note that lies elsewhere, as that of a shard does."""
    note, reason = json_files.content(path)
    if reason == files.ABSENT:  # not asked before: another process may remove it in between
        return StepNote()
    try:
        return StepNote(state=DAMAGED, problem=reason) if reason else StepNote.of(note)
    except ValueError as error:
        return StepNote(state=DAMAGED, problem=str(error))


def note_of(folder: Path) -> StepNote:
    """The note of a folder, empty if there is none.

    Raises:
        BadDataError: it is damaged: nobody knows what the folder holds.
    """
    note = read_note(folder)
    if note.state == DAMAGED:
        raise BadDataError(
            f"{folder / layout.STEP_FILE} is damaged ({note.problem}). Restore it, or redo what wrote it with --force."
        )
    return note


def result_of(folder: Path) -> NotedResult:
    """What the note of a folder says of the results, empty if there is none.

    Raises:
        BadDataError: the note is damaged.
    """
    return note_of(folder).result


def is_done(folder: Path) -> bool:
    """Whether a category's folder is finished.

    Raises:
        BadDataError: its note is damaged.
    """
    return note_of(folder).state == DONE


def done_categories(out: Path) -> list[str]:
    """Finished categories of a step's folder, sorted.

    Raises:
        BadDataError: the note of a category is damaged.
    """
    if not out.is_dir():
        return []
    return sorted(sub.name for sub in out.iterdir() if sub.is_dir() and is_done(sub))


def require_done(folder: Path, command: str) -> StepNote:
    """The note of a finished category.

    Raises:
        MissingInputError: it is not there, or not finished.
        BadDataError: it is damaged.
    """
    note = note_of(folder)
    if not note.is_there:
        raise MissingInputError(f"Nothing at {folder}. Run `{command}` first.")
    if note.state != DONE:
        state = note.state or None
        raise MissingInputError(
            f"{folder} is not finished (state '{state}'). Run the same `{command}` again: it goes on."
        )
    return note


def write(folder: Path, record: Mapping[str, object], state: str) -> None:
    """Write the note of a folder with its state."""
    files.write_json(folder / layout.STEP_FILE, {**record, "state": state})


def refuse_others(folder: Path, command: str) -> None:
    """Refuse to write a folder of another command, with --force neither, which would remove what that one wrote.

    Raises:
        UsageError: another command wrote it.
        BadDataError: a newer adtool did.
    """
    written_by = read_note(folder).command
    if written_by not in ("", command):
        raise UsageError(f"{folder} was written by `adtool {written_by}`. Choose another --out.")


def new_record(identity: Identity) -> dict[str, Any]:
    """What `_step.json` begins with: the identity, and what is noted but never compared."""
    return json_files.numbered({**identity.as_json(), "noted": surroundings()})


def upgrade(folder: Path, identity: Identity, *, locked: Path | None = None) -> None:
    """Note what an older adtool did not see of the inputs of a finished folder, where it can be written.

    Args:
        folder: whose note differs in nothing from the identity.
        identity: as it is now.
        locked: the folder whose writer may do so, if another.
    """
    if _upgraded(folder, identity) is not None:
        with suppress(OSError, LockedError), locks.writing(locked or folder):
            note = _upgraded(folder, identity)  # another may have written the folder anew
            if note is not None:
                files.write_json(folder / layout.STEP_FILE, note)


def _upgraded(folder: Path, identity: Identity) -> dict[str, Any] | None:
    """The note of a finished folder with the inputs as they are seen now; None if there is nothing to change."""
    note = read_note(folder)
    if note.state != DONE or identity.differences(note):
        return None
    return identity.upgraded(note)


def forget_parts(folder: Path) -> None:
    """Remove the notes and tables of shards: the whole is done, or begun by one process."""
    for pattern in layout.OF_SHARDS:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder that adtool wrote; the note goes last, so that a kill leaves it recognisable, and not as done.

    Raises:
        BadDataError: a newer adtool wrote its note, or a card in it.
    """
    for card in folder.glob("*.json"):
        json_files.content(card)
    note = read_note(folder)
    if note.state == DONE:
        write(folder, note.document, RUNNING)
    for path in folder.iterdir():
        if path.name != layout.STEP_FILE and not path.name.startswith(locks.LOCK):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / layout.STEP_FILE).unlink(missing_ok=True)
    is_locked = any(folder.glob(f"{locks.LOCK}*"))
    if not (is_locked or folder.is_symlink()):  # a link to another disk stays one
        folder.rmdir()


def made_otherwise(folder: Path, differences: Sequence[str]) -> UsageError:
    """The error for a folder that was made with other settings.

    Raises:
        BadDataError: nobody knows with which, as its note is damaged.
    """
    note_of(folder)
    return UsageError(
        f"{folder} was made with other settings or inputs ({'; '.join(differences)}). "
        "Add --force to redo it, or choose another --out."
    )


def refuse_foreign(folder: Path, option: str = "--out") -> None:
    """A folder with contents that are not ours is not touched; hidden files, as a kill may leave one, don't count.

    Args:
        folder: to be written.
        option: that names it, or the folder that it lies in.

    Raises:
        UsageError: it holds other files, or is none.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.exists() and not there.is_dir():
        raise UsageError(f"{there} is a file; a folder is to be written there. Choose another {option}.")
    # Looked at again, since another process may begin to write the folder, or to empty it, between two looks.
    if all(_is_foreign(folder) for _ in range(LOOKS)):
        raise UsageError(
            f"{folder} holds files that adtool did not write. Choose another {option}, or empty it yourself."
        )


def _is_foreign(folder: Path) -> bool:
    """Whether a folder holds files and no note, which is written before them and removed after them.

    Good parts that were added before there was a model are ours; no category has their folder's name.
    """
    try:
        holds = any(not path.name.startswith(".") and path.name != layout.ADDED for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    return holds and not (folder / layout.STEP_FILE).exists()
