"""What `inspect` notes of its folder, by which a later run knows whether there is anything to do."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adtool.core import files, json_files, layout
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
        if force and notes.read_note(out):
            notes.remove_folder(out)
        else:
            _say_gone(out, samples)
        record = {**notes.new_record(identity), "decided": dict(decided)}
        files.write_json(out / layout.STEP_FILE, {**record, "state": notes.RUNNING})
        result: dict[str, Any] = {}
        yield result
        inventory.require(missing(out, result, samples), out)
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
    note = notes.read_note(out) or {}
    if note.get("command", COMMAND) != COMMAND:  # not even with --force
        raise UsageError(f"{out} was written by `adtool {note['command']}`. Choose another --out.")
    different = identity.differences(note) if note else []
    if different and not force:
        raise notes.made_otherwise(out, different)
    is_done = note.get("state") == notes.DONE and note.get("decided") == decided
    result = dict(note.get("result") or {})
    if not is_done or force or json_files.problem(Told, result) or missing(out, result, samples):
        return {}
    log.info("%s: already done, skipped.", out)
    return result


def _say_gone(out: Path, samples: Sequence[Sample]) -> None:
    """Say what is missing of a run that was finished once."""
    note = notes.read_note(out) or {}
    if note.get("state") != notes.DONE or json_files.problem(Told, note.get("result")):
        return
    if gone := missing(out, note["result"], samples):
        log.warning("%s: %s missing, for instance %s: made again.", out, inventory.files_are(len(gone)), gone[0])


def missing(out: Path, result: Mapping[str, Any], samples: Sequence[Sample]) -> list[Path]:
    """The table, maps and overlays that are not there."""
    folder, noted = InspectedFolder(out), result.get("skipped")
    skipped = tuple(name for name in noted if isinstance(name, str)) if isinstance(noted, list) else ()
    seen = [one for one in samples if not one.image.as_posix().endswith(skipped)]
    pictures = [path for one in seen for path in (folder.scores(one.id), folder.overlay(one.id))]
    return inventory.missing(out, [folder.table, *pictures])
