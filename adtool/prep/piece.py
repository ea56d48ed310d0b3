"""A folder that is written as one piece: a data set, or a set of crops."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adtool.core import files, layout
from adtool.core.steps import inventory, locks, notes
from adtool.core.steps.notes import DONE, RUNNING
from adtool.core.steps.step_run import Identity, Outcome

log = logging.getLogger("adtool")


@contextmanager
def noted(
    out: Path,
    identity: Identity,
    outcome: Outcome,
    *,
    force: bool,
    missing: Callable[[Path], Sequence[Path]] = lambda _: (),
) -> Iterator[bool]:
    """Write a folder as one piece: its note says `running`, then `done`; yields whether there is anything to do.

    What was stopped half-way starts again where something changed since, as a mask that was mended.

    Raises:
        UsageError: the folder is not ours, or was made otherwise.
        LockedError: another process writes it.
    """
    if _is_done(out, identity, force=force, missing=missing):
        locks.tidy(out)
        _skip(out, identity, outcome)
        yield False
        return
    with locks.writing(out) as held:
        if _is_done(out, identity, force=force, missing=missing):  # another process did it meanwhile
            _skip(out, identity, outcome)
            yield False
            return
        note = notes.read_note(out)
        different = identity.differences(note) if note.is_there else []
        if different and not force:
            log.info("%s was not finished, and something changed since (%s): made again.", out, "; ".join(different))
        if note.is_there and (force or different):
            notes.remove_folder(out)
        elif notes.is_done(out) and (gone := missing(out)):
            log.warning("%s: %s missing, for instance %s: made again.", out, inventory.files_are(len(gone)), gone[0])
        record = notes.new_record(identity)
        files.write_json(out / layout.STEP_FILE, {**record, "state": RUNNING})
        yield True
        inventory.require(missing(out), out)
        held.check()
        files.write_json(out / layout.STEP_FILE, {**record, "state": DONE})


def _skip(out: Path, identity: Identity, outcome: Outcome) -> None:
    log.info("%s: already done, skipped.", out)
    notes.upgrade(out, identity)
    outcome.skipped.append(out.name)


def _is_done(out: Path, identity: Identity, *, force: bool, missing: Callable[[Path], Sequence[Path]]) -> bool:
    """Whether there is nothing to do.

    Raises:
        UsageError: the folder is not ours, or was made otherwise.
    """
    notes.refuse_foreign(out)
    note = notes.read_note(out)
    different = identity.differences(note) if note.is_there else []
    is_broken_off = note.state == RUNNING and note.command == identity.command
    if different and not force and not is_broken_off:
        raise notes.made_otherwise(out, different)
    return not force and notes.is_done(out) and not missing(out)
