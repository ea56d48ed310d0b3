"""A folder that is written as one piece: a data set, a set of crops, a tree of another tool, what `inspect` says.

Its note says `running`, then `done`; what is done already is skipped.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adtool.core.errors import LockedError
from adtool.core.steps import inventory, locks, notes
from adtool.core.steps.identity import Identity
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.standing import Standing, say_gone, standing

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class WholeFolder:
    """What is to be written.

    Attributes:
        out: the folder.
        identity: what decides its content.
        more: what its note holds besides.
        missing: what it should hold and does not, by its note.
        fits: whether what a finished one notes besides its identity still holds; where it does not, the folder is
            gone on with.
        restarts: what was broken off begins anew where something changed since, as a mask that was mended.
        goes_on: what is not finished, or lacks files, is gone on with; otherwise it begins anew.
    """

    out: Path
    identity: Identity
    more: Mapping[str, object] = field(default_factory=dict)
    missing: Callable[[StepNote], Sequence[Path]] = lambda _: ()
    fits: Callable[[StepNote], bool] = lambda _: True
    restarts: bool = False
    goes_on: bool = True


@dataclass
class FolderWork:
    """A whole folder in work.

    Attributes:
        is_done: whether there is nothing to do.
        result: what its note says of the results, or shall say.
        more: what its note shall hold besides, once it is done.
    """

    is_done: bool
    result: dict[str, Any] = field(default_factory=dict)
    more: dict[str, object] = field(default_factory=dict)


@contextmanager
def writing(asked: WholeFolder, *, force: bool) -> Iterator[FolderWork]:
    """Write a folder, or say that it is done.

    Raises:
        UsageError: it is not ours, or was made otherwise and not `force`.
        BadDataError: its note is damaged, or something removed what was just written.
        LockedError: another process writes it.
    """
    out = asked.out
    if _standing(asked, force=force) is Standing.DONE:
        locks.tidy(out)
        yield _skipped(asked)
        return
    with locks.writing(out) as held:
        found = _standing(asked, force=force)
        if found is Standing.DONE:  # another process did it meanwhile
            yield _skipped(asked)
            return
        _clear(asked, is_stale=found is Standing.STALE, force=force)
        record = {**notes.new_record(asked.identity), **asked.more}
        notes.write(out, record, notes.RUNNING)
        work = FolderWork(is_done=False)
        yield work
        result = {"result": work.result} if work.result else {}
        record |= {**work.more, **result}
        inventory.require(asked.missing(StepNote.of(record)), out)
        held.check()
        notes.write(out, record, notes.DONE)
        notes.forget_parts(out)


def begin(asked: WholeFolder, *, force: bool, at_work: Sequence[str]) -> bool:
    """Begin a folder that several processes write, or join them; False if it is done. Whose turn it is calls this.

    Args:
        asked: the folder.
        force: begin anew what is finished or was made otherwise; what was just begun in the same way is gone on with.
        at_work: who else writes it at this moment.

    Raises:
        UsageError: it is not ours, or was made otherwise and not `force`.
        LockedError: it would have to begin anew, and others are at work in it.
    """
    note = notes.read_note(asked.out)
    is_same = note.state == notes.RUNNING and not asked.identity.differences(note)
    found = _standing(asked, force=force and not is_same)
    if found is Standing.DONE:
        notes.forget_parts(asked.out)
        return False
    if found is Standing.STALE and at_work:
        raise LockedError(f"{asked.out} is to be made anew, and others are at work in it: {at_work[0]}.")
    if not is_same:
        _clear(asked, is_stale=found is Standing.STALE, force=force)
        notes.write(asked.out, {**notes.new_record(asked.identity), **asked.more}, notes.RUNNING)
    return True


def _standing(asked: WholeFolder, *, force: bool) -> Standing:
    note = notes.read_note(asked.out)
    is_broken_off = note.state == notes.RUNNING and note.command == asked.identity.command
    found = standing(asked.out, asked.identity, force=force, replace=asked.restarts and is_broken_off)
    is_whole = found is Standing.DONE and asked.fits(note) and not asked.missing(note)
    return Standing.TODO if found is Standing.DONE and not is_whole else found


def _clear(asked: WholeFolder, *, is_stale: bool, force: bool) -> None:
    """Remove what can't be gone on with, and say why it is made again."""
    note = notes.read_note(asked.out)
    if is_stale and not force:
        changed = "; ".join(asked.identity.differences(note))
        log.info("%s was not finished, and something changed since (%s): made again.", asked.out, changed)
    if note.state == notes.DONE and not is_stale and asked.fits(note):
        say_gone(asked.out, asked.missing(note))
    if is_stale or (note.is_there and not asked.goes_on):
        notes.remove_folder(asked.out)


def _skipped(asked: WholeFolder) -> FolderWork:
    log.info("%s: already done, skipped.", asked.out)
    notes.upgrade(asked.out, asked.identity)
    return FolderWork(is_done=True, result=dict(notes.read_note(asked.out).whole_result))
