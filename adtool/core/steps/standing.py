"""How a folder stands to what is asked for: to be done, to be begun anew, or done already."""

import logging
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from adtool.core.steps import inventory, notes
from adtool.core.steps.identity import Identity

log = logging.getLogger("adtool")


class Standing(Enum):
    """What is to be done with a folder."""

    TODO = "todo"  # what is there, if anything, is of the same, and is gone on with
    STALE = "stale"  # what is there is removed first
    DONE = "done"


def standing(
    folder: Path,
    identity: Identity,
    *,
    force: bool,
    replace: bool = False,
    missing: Callable[[Path], Sequence[Path]] = lambda _: (),
    option: str = "--out",
) -> Standing:
    """How a folder stands by its note.

    Args:
        folder: with the note, if it was begun.
        identity: what is asked for.
        force: do it anew in any case.
        replace: do it anew where it was made otherwise.
        missing: what a finished folder should hold and does not.
        option: that names the folder, or the one that it lies in.

    Raises:
        UsageError: it is not ours, or was made otherwise and neither `force` nor `replace` is set.
        BadDataError: nobody knows how it was made, as its note is damaged.
    """
    notes.refuse_foreign(folder, option)
    note = notes.read_note(folder)
    different = identity.differences(note) if note.is_there else []
    if different and not (force or replace):
        raise notes.made_otherwise(folder, different)
    if note.is_there and (force or different):
        return Standing.STALE
    return Standing.DONE if note.state == notes.DONE and not missing(folder) else Standing.TODO


def say_gone(folder: Path, gone: Sequence[Path]) -> None:
    """Say what a folder lacks that was finished once, if anything."""
    if gone:
        log.warning("%s: %s missing, for instance %s: made again.", folder, inventory.files_are(len(gone)), gone[0])
