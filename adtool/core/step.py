"""What a step notes about itself: `_step.json`, one for the folder and one a category.

A category's note is written first with the state `running`, last with `done`. Its identity (command, settings,
seed, fingerprints of the inputs) decides whether a later run skips it, goes on with it, or refuses.
"""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adtool.core import files, layout
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError, UsageError
from adtool.core.outcome import Outcome as Outcome  # of every step
from adtool.core.surroundings import surroundings

RUNNING, DONE, FAILED = "running", "done", "failed"
DAMAGED: Mapping[str, str] = {"state": "damaged"}

log = logging.getLogger("adtool")


def _text(value: object) -> object:
    """A value as it looks after a trip through JSON."""
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): _text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_text(item) for item in value]
    return value


@dataclass(frozen=True)
class Identity:
    """What decides a category's result."""

    command: str
    settings: Mapping[str, object]
    seed: int
    inputs: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The four parts as a JSON object."""
        return {
            "command": self.command,
            "settings": _text(self.settings),
            "seed": self.seed,
            "inputs": dict(self.inputs),
        }

    def differences(self, note: Mapping[str, Any]) -> list[str]:
        """What differs from a noted identity: settings as `name: then -> now`, inputs by their names alone."""
        if note == DAMAGED:
            return [f"its {layout.STEP_FILE} is damaged"]
        mine = self.as_json()
        then, now = note.get("settings") or {}, mine["settings"]
        found = [f"{name}: {then.get(name)!r} -> {now.get(name)!r}" for name in _unequal(then, now)]
        found += [f"changed: {name}" for name in _unequal(note.get("inputs") or {}, mine["inputs"])]
        if note.get("command") != self.command:
            found.append(f"command: {note.get('command')!r} -> {self.command!r}")
        if note.get("seed") != self.seed:
            found.append(f"seed: {note.get('seed')} -> {self.seed}")
        return found


def _unequal(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]


def read_note(folder: Path) -> dict[str, Any] | None:
    """`_step.json` of a folder, None if there is none; one that can't be read has the state `damaged`."""
    path = folder / layout.STEP_FILE
    note = files.read_json(path)
    if isinstance(note, dict):
        return note
    return dict(DAMAGED) if path.exists() else None


def is_done(folder: Path) -> bool:
    """Whether a category's folder is finished."""
    return (read_note(folder) or {}).get("state") == DONE


def done_categories(out: Path) -> list[str]:
    """Finished categories of a step's folder, sorted."""
    if not out.is_dir():
        return []
    return sorted(sub.name for sub in out.iterdir() if sub.is_dir() and is_done(sub))


def require_done(folder: Path, command: str) -> dict[str, Any]:
    """The note of a finished category.

    Raises:
        MissingInputError: it is not there, or not finished.
    """
    note = read_note(folder)
    if note is None:
        raise MissingInputError(f"Nothing at {folder}. Run `{command}` first.")
    if note.get("state") != DONE:
        raise MissingInputError(
            f"{folder} is not finished (state '{note.get('state')}'). Run the same `{command}` again: it goes on."
        )
    return note


class StepRun:
    """One run of a step over categories; the only writer of `_step.json`."""

    def __init__(self, command: str, out: Path, *, force: bool = False) -> None:
        self.out = out
        self.force = force
        self.outcome = Outcome(command, out)
        self._planned: dict[str, Identity] = {}
        self._stale: set[str] = set()
        refuse_foreign(out)
        written_by = (read_note(out) or {}).get("command")
        if written_by not in (None, command):  # not even with --force, which would remove the other's categories
            raise UsageError(f"{out} was written by `adtool {written_by}`. Choose another --out.")

    def plan(
        self,
        identities: Mapping[str, Identity],
        notes: Mapping[str, object] | None = None,
        *,
        replace: bool = False,
    ) -> list[str]:
        """Compare with what is there and say which categories are to be done.

        Args:
            identities: one a category.
            notes: what else the folder's `_step.json` shall hold, for instance the data set's path.
            replace: redo what was made with other settings without asking (for what can be made again, as a model
                that a step keeps for itself).

        Returns:
            Categories that are not done yet; those that are done with the same identity are skipped.

        Raises:
            UsageError: a category was made with other settings and `--force` is not given.
        """
        todo = []
        for category, identity in identities.items():
            folder = self.out / category
            refuse_foreign(folder)
            note = read_note(folder)
            different = identity.differences(note) if note else []
            if different and not (self.force or replace):
                raise made_otherwise(folder, different)
            if note and (self.force or different):
                self._stale.add(category)  # removed when its turn comes, so that a kill costs one category
            elif note and note.get("state") == DONE:
                log.info("%s: already done, skipped.", folder)
                self.outcome.skipped.append(category)
                continue
            todo.append(category)
            self._planned[category] = identity
        self._write_summary(notes or {})
        return todo

    @contextmanager
    def category(self, category: str, *, keep_going: bool) -> Iterator["Work"]:
        """Do one category: `running` at the start, `done` at the end.

        Args:
            category: one of `plan`'s.
            keep_going: note an AdtoolError and go on instead of raising it.
        """
        folder = self.out / category
        identity = self._planned[category]
        record = {**new_record(identity), "state": RUNNING}
        started = time.time()
        if category in self._stale:
            remove_folder(folder)
        files.write_json(folder / layout.STEP_FILE, record)
        work = Work(folder)
        try:
            yield work
        except AdtoolError as error:
            record.update(state=FAILED, error=str(error), result=_text(work.result))
            files.write_json(folder / layout.STEP_FILE, record)
            self.outcome.failed[category] = error
            self._write_summary({})
            if not keep_going:
                raise
            log.error("%s: %s", category, error)
            return
        record.update(state=DONE, result=_text(work.result))
        record["noted"]["seconds"] = round(time.time() - started, 1)
        files.write_json(folder / layout.STEP_FILE, record)
        self.outcome.done.append(category)
        self._write_summary({})

    def amend(self, category: str, result: Mapping[str, object]) -> None:
        """Change what a finished category notes of its result; its identity stays."""
        note = require_done(self.out / category, f"adtool {self.outcome.command}")
        note["result"] = {**(note.get("result") or {}), **{key: _text(value) for key, value in result.items()}}
        files.write_json(self.out / category / layout.STEP_FILE, note)

    def _write_summary(self, notes: Mapping[str, object]) -> None:
        old = {key: value for key, value in (read_note(self.out) or {}).items() if key != "state"}
        states = {sub.name: note.get("state") for sub in _category_folders(self.out) if (note := read_note(sub))}
        kept = {key: value for key, value in old.items() if key not in ("command", "categories")}
        summary = {
            "command": self.outcome.command,
            "categories": states,
            **kept,
            **{k: _text(v) for k, v in notes.items()},
        }
        if summary != old:
            files.write_json(self.out / layout.STEP_FILE, summary)


@dataclass
class Work:
    """A category being written; `result` ends up in its note."""

    folder: Path
    result: dict[str, object] = field(default_factory=dict)


def _category_folders(out: Path) -> list[Path]:
    return sorted(sub for sub in out.iterdir() if sub.is_dir()) if out.is_dir() else []


def new_record(identity: Identity) -> dict[str, Any]:
    """What `_step.json` begins with: the identity, and what is noted but never compared."""
    return {**identity.as_json(), "noted": surroundings()}


def remove_folder(folder: Path) -> None:
    """Remove a folder that adtool wrote; the note goes last, so that a kill leaves it recognisable."""
    for path in folder.iterdir():
        if path.name != layout.STEP_FILE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / layout.STEP_FILE).unlink(missing_ok=True)
    if not folder.is_symlink():  # a link to another disk stays one
        folder.rmdir()


def made_otherwise(folder: Path, differences: Sequence[str]) -> UsageError:
    """The error for a folder that was made with other settings."""
    return UsageError(
        f"{folder} was made with other settings or inputs ({'; '.join(differences)}). "
        "Add --force to redo it, or choose another --out."
    )


def refuse_foreign(folder: Path) -> None:
    """A folder with contents that are not ours is not touched; hidden files, as a kill may leave one, don't count.

    Raises:
        UsageError: it holds other files, or is none.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise UsageError(f"{there} is a file; a folder is to be written there. Choose another --out.")
    if there != folder or (folder / layout.STEP_FILE).exists():
        return
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise UsageError(f"{folder} holds files that adtool did not write. Choose another --out, or empty it yourself.")


def relative(path: Path) -> str:
    """A path as it is noted: relative to the workspace where it lies inside it, else absolute."""
    full = path.resolve()
    try:
        return full.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return full.as_posix()


def noted_data(out: Path, given: Path | None) -> Path:
    """The data set of a step: given, else noted by the step whose folder `out` is read, else data/."""
    if given is not None:
        return given
    noted = (read_note(out) or {}).get("data")
    return Path(str(noted)) if noted else Path(layout.DATA)


def check_same_data(note: Mapping[str, Any], fingerprint: str, folder: Path, data: Path) -> None:
    """Refuse to join maps and images that don't belong together.

    Raises:
        BadDataError: the images changed since the folder was made, or it belongs to another data set.
    """
    noted = (note.get("inputs") or {}).get("images")
    if noted and noted != fingerprint:
        raise BadDataError(
            f"{folder} was made from other images than those at {data}. "
            f"Give the right --data, or make it again: `adtool {note.get('command') or 'maps'} --force`, "
            "and then the steps after it."
        )
