"""What a step notes about itself: `_step.json`, one for the folder and one a category.

A category's note is written first with the state `running`, last with `done`. Its identity (command, settings,
seed, fingerprints of the inputs) decides whether a later run skips it, goes on with it, or refuses.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from adtool.core import files, layout, names
from adtool.core.errors import AdtoolError, BadDataError
from adtool.core.outcome import Outcome as Outcome  # of every step
from adtool.core.steps import folder_note, inventory, kept_models, locks, workspace_paths
from adtool.core.steps.identity import Identity as Identity  # of every step
from adtool.core.steps.identity import as_noted, is_same
from adtool.core.steps.locks import FolderLock
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.notes import (
    DONE,
    FAILED,
    RUNNING,
    forget_parts,
    new_record,
    note_of,
    read_note,
    refuse_foreign,
    refuse_others,
    remove_folder,
    require_done,
    upgrade,
    write,
)
from adtool.core.steps.standing import Standing, say_gone, standing

log = logging.getLogger("adtool")


@dataclass
class _Plan:
    """What is to be done of some categories, in their order; `stale` ones begin anew."""

    todo: list[str] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)


class StepRun:
    """One run of a step over categories; the only writer of `_step.json`.

    As a context it holds the folder's lock from the moment when there is something to write; see `locks`.

    Args:
        command: of the step.
        out: folder that it writes.
        force: redo what is there.
        missing: what a category's folder should hold and does not, by its own tables; see `inventory`.
        keeps: what was made with other settings is kept elsewhere instead of being removed; see `kept`.
    """

    def __init__(
        self,
        command: str,
        out: Path,
        *,
        force: bool = False,
        missing: Callable[[Path], Sequence[Path]] = lambda _: (),
        keeps: bool = False,
    ) -> None:
        self.out = out
        self.force = force
        self._keeps = keeps
        self.outcome = Outcome(command, out)
        self._missing = missing
        self._planned: dict[str, Identity] = {}
        self._stale: set[str] = set()
        self._held: FolderLock | None = None
        self._open = ExitStack()
        self._option = "--models" if keeps else "--out"
        refuse_foreign(out, self._option)
        refuse_others(out, command)

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
            notes: what else the folder's `_step.json` shall hold; a `Path` becomes relative to the workspace.
            replace: redo what was made with other settings without asking (for what can be made again, as a model
                that a step keeps for itself).

        Returns:
            Categories that are not done yet; those that are done with the same identity are skipped.

        Raises:
            UsageError: a category was made with other settings and `--force` is not given.
        """
        found = self._compare(identities, replace=replace)
        if found.todo or not folder_note.is_written(self.out, self.outcome.command, notes or {}):
            self.lock()
            for category, identity in identities.items() if self._keeps else ():
                kept_models.bring_back(self.out / category, identity, self._missing)
            found = self._compare(identities, replace=replace)  # another may have written meanwhile
            folder_note.write(self.out, self.outcome.command, notes or {})
        else:
            locks.tidy(self.out)
        for category in found.done:
            log.info("%s: already done, skipped.", self.out / category)
            forget_parts(self.out / category)
            upgrade(self.out / category, identities[category], locked=self.out)
        self.outcome.skipped += found.done
        self._stale |= found.stale
        self._planned.update((category, identities[category]) for category in found.todo)
        return found.todo

    def _compare(self, identities: Mapping[str, Identity], *, replace: bool) -> _Plan:
        plan = _Plan()
        for category, identity in identities.items():
            folder = self.out / names.require_category(category)
            found = standing(
                folder, identity, force=self.force, replace=replace, missing=self._missing, option=self._option
            )
            (plan.done if found is Standing.DONE else plan.todo).append(category)
            if found is Standing.STALE:
                plan.stale.add(category)  # removed when its turn comes, so that a kill costs one category
        return plan

    def lock(self) -> FolderLock:
        """Be the only writer of the folder until the end of this run.

        Raises:
            LockedError: another process writes it.
        """
        if self._held is None:
            self._held = self._open.enter_context(locks.writing(self.out))
        return self._held

    def __enter__(self) -> "StepRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._held = None
        self._open.close()

    @contextmanager
    def category(self, category: str, *, keep_going: bool) -> Iterator["Work"]:
        """Do one category: `running` at the start, `done` at the end.

        Args:
            category: one of `plan`'s.
            keep_going: note an AdtoolError and go on instead of raising it.
        """
        folder, held = self.out / category, self.lock()
        identity = self._planned[category]
        record = new_record(identity)
        started = time.time()
        if category in self._stale:
            is_other = identity.differences(read_note(folder))
            if not (self._keeps and is_other and kept_models.put_away(folder, self._missing)):
                remove_folder(folder)
        work = Work(folder, before=self._finished_before(folder))
        write(folder, record, RUNNING)
        forget_parts(folder)  # what shards did is gone on with
        try:
            yield work
            inventory.require(self._missing(folder), folder)
            held.check()
        except AdtoolError as error:
            write(folder, {**record, "error": str(error), "result": as_noted(work.result)}, FAILED)
            self.outcome.failed[category] = error
            folder_note.write(self.out, self.outcome.command, {})
            if not keep_going:
                raise
            log.error("%s: %s", category, error)
            return
        record["noted"]["seconds"] = round(time.time() - started, 1)
        write(folder, {**record, "result": as_noted(work.result)}, DONE)
        self.outcome.done.append(category)
        folder_note.write(self.out, self.outcome.command, {})

    def _finished_before(self, folder: Path) -> dict[str, Any]:
        """What a finished folder noted that lacks files by now, which is said; nothing of others."""
        note = read_note(folder)
        if note.state != DONE:
            return {}
        say_gone(folder, self._missing(folder))
        return dict(note.whole_result)

    def identity(self, category: str) -> Identity:
        """Of a category that is to be done."""
        return self._planned[category]

    def is_same(self, category: str) -> bool:
        """Whether what lies in the place of a category that is to be done was begun with the same identity."""
        note = read_note(self.out / category)
        return note.is_there and not self._planned[category].differences(note)

    def is_stale(self, category: str) -> bool:
        """Whether what lies in the place of a category that is to be done is removed first."""
        return category in self._stale

    def amend(self, category: str, result: Mapping[str, object]) -> None:
        """Change what a finished category notes of its result; its identity stays."""
        self.lock()
        note = require_done(self.out / category, f"adtool {self.outcome.command}")
        changed = {**note.whole_result, **{key: as_noted(value) for key, value in result.items()}}
        files.write_json(self.out / category / layout.STEP_FILE, {**note.document, "result": changed})


@dataclass
class Work:
    """A category being written.

    Attributes:
        folder: of the category.
        result: ends up in its note.
        before: the result that was noted when it was finished once, if some of its files are missing by now.
    """

    folder: Path
    result: dict[str, object] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)


def noted_path(folder: Path, name: Literal["data", "maps", "models"]) -> Path | None:
    """A path that the note of a step's folder names, None if it names none."""
    note = note_of(folder)
    text = {"data": note.data, "maps": note.maps, "models": note.models}[name]
    return workspace_paths.found(text, folder, note) if text else None


def noted_data(out: Path, given: Path | None) -> Path:
    """The data set of a step: given, else noted by the step whose folder `out` is read, else data/."""
    return given or noted_path(out, "data") or Path(layout.DATA)


def check_same_data(note: StepNote, fingerprint: str, folder: Path, data: Path) -> None:
    """Refuse to join maps and images that don't belong together.

    Raises:
        BadDataError: the images changed since the folder was made, or it belongs to another data set.
    """
    noted = note.inputs.get("images")
    if noted and not is_same(noted, fingerprint):
        raise BadDataError(
            f"{folder} was made from other images than those at {data}. "
            f"Give the right --data, or make it again: `adtool {note.command or 'maps'} --force`, "
            "and then the steps after it."
        )
