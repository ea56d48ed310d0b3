"""What `inspect` notes of its folder, by which a later run knows whether there is anything to do."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adtool.core import files, layout
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.json_files import JsonForm
from adtool.core.layout import InspectedFolder
from adtool.core.steps import inventory, locks, notes
from adtool.core.steps.step_run import Identity, Outcome

COMMAND = "inspect"

log = logging.getLogger("adtool")


class NotedDrift(JsonForm):
    """How accepted parts score against the normal images."""

    accepted: float
    normal: float
    higher: float


class Told(JsonForm):
    """What is told of a finished run again."""

    rejected: int | None
    classes: list[dict[str, Any]]
    alike: list[list[str]]
    drift: NotedDrift | None
    skipped: list[str]


@contextmanager
def writing(
    out: Path,
    identity: Identity,
    decided: Mapping[str, object],
    outcome: Outcome,
    samples: Sequence[Sample],
    *,
    force: bool,
) -> Iterator[dict[str, Any]]:
    """The folder's note: `running`, then `done`; yields what a finished run noted, nothing if there is work to do."""
    finished = _finished(out, identity, decided, samples, force=force)
    if finished:
        locks.tidy(out)
        notes.upgrade(out, identity)
        outcome.skipped.append(out.name)
        yield finished
        return
    with locks.writing(out) as held:
        finished = _finished(out, identity, decided, samples, force=force)
        if finished:  # another process did it meanwhile
            outcome.skipped.append(out.name)
            yield finished
            return
        if force and notes.read_note(out).is_there:
            notes.remove_folder(out)
        else:
            _say_gone(out, samples)
        record = {**notes.new_record(identity), "decided": dict(decided)}
        files.write_json(out / layout.STEP_FILE, {**record, "state": notes.RUNNING})
        result: dict[str, Any] = {}
        yield result
        inventory.require(missing(out, result["skipped"], samples), out)
        held.check()
        files.write_json(out / layout.STEP_FILE, {**record, "state": notes.DONE, "result": result})
        outcome.done.append(out.name)


def _finished(
    out: Path, identity: Identity, decided: Mapping[str, object], samples: Sequence[Sample], *, force: bool
) -> dict[str, Any]:
    """What a finished run noted, nothing if there is work to do.

    Raises:
        UsageError: the folder is not ours, or was made otherwise.
    """
    notes.refuse_foreign(out)
    note = notes.read_note(out)
    if note.command not in ("", COMMAND):  # not even with --force
        raise UsageError(f"{out} was written by `adtool {note.command}`. Choose another --out.")
    different = identity.differences(note) if note.is_there else []
    if different and not force:
        raise notes.made_otherwise(out, different)
    is_done = note.state == notes.DONE and note.decided == decided
    result = dict(note.whole_result)
    if not is_done or force or not _is_told(result) or missing(out, note.result.skipped, samples):
        return {}
    log.info("%s: already done, skipped.", out)
    return result


def _say_gone(out: Path, samples: Sequence[Sample]) -> None:
    """Say what is missing of a run that was finished once."""
    note = notes.read_note(out)
    if note.state != notes.DONE or not _is_told(note.whole_result):
        return
    if gone := missing(out, note.result.skipped, samples):
        log.warning("%s: %s missing, for instance %s: made again.", out, inventory.files_are(len(gone)), gone[0])


def _is_told(result: Mapping[str, Any]) -> bool:
    """Whether a result has all that is told of it again."""
    try:
        Told.of(result)
    except ValueError:
        return False
    return True


def missing(out: Path, skipped: Sequence[str], samples: Sequence[Sample]) -> list[Path]:
    """The table, maps and overlays that are not there, of all images but those that were skipped."""
    folder = InspectedFolder(out)
    seen = [one for one in samples if not one.image.as_posix().endswith(tuple(skipped))]
    pictures = [path for one in seen for path in (folder.scores(one.id), folder.overlay(one.id))]
    return inventory.missing(out, [folder.table, *pictures])
