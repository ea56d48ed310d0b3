"""What `inspect` notes of its folder, by which a later run knows whether there is anything to do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from adtool.core import tables
from adtool.core.dataset.types import Sample
from adtool.core.json_files import JsonForm
from adtool.core.layout import InspectedFolder
from adtool.core.overlays_folder import INSPECT_BOXES_FORM
from adtool.core.steps import inventory, notes, whole_folder
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.steps.whole_folder import WholeFolder
from adtool_runtime.cells import BOX_COLUMNS

COMMAND = "inspect"
RENAMED = {"threshold": "limit"}  # by the names that earlier versions noted


class NotedDrift(JsonForm):
    """How accepted parts score against the normal images."""

    accepted: float
    normal: float
    higher: float


class NotedChange(JsonForm):
    """Images that don't look like what was learned from."""

    how: str
    images: int
    looked_at: int
    learned: int
    example: str


class Told(JsonForm):
    """What is told of a finished run again."""

    rejected: int | None
    classes: list[dict[str, Any]]
    alike: list[list[str]]
    drift: NotedDrift | None
    new_kind: int = Field(0, ge=0)  # images that together are perhaps of one; not said by earlier versions
    changed: list[NotedChange] = Field(default_factory=list)
    skipped: list[str]


def asked(out: Path, identity: Identity, decided: Mapping[str, object], samples: Sequence[Sample]) -> WholeFolder:
    """The folder that is to be written.

    Raises:
        UsageError: it is not ours.
    """
    notes.refuse_foreign(out)
    notes.refuse_others(out, COMMAND)
    return WholeFolder(
        out,
        identity,
        {"decided": dict(decided)},
        missing=lambda note: missing(out, note.result.skipped, samples),
        fits=lambda note: _as_noted_now(note.decided or {}) == decided and _is_told(note.whole_result),
    )


@contextmanager
def writing(folder: WholeFolder, outcome: Outcome, *, force: bool) -> Iterator[dict[str, Any]]:
    """The folder's note: `running`, then `done`; yields what a finished run noted, nothing if there is work to do."""
    with whole_folder.writing(folder, force=force) as work:
        yield work.result
    (outcome.skipped if work.is_done else outcome.done).append(folder.out.name)


def _as_noted_now(decided: Mapping[str, object]) -> dict[str, object]:
    """What a note of any version says was decided."""
    return {RENAMED.get(name, name): value for name, value in decided.items()}


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
    pictures = [path for one in seen for path in (folder.scores(one.id), folder.overlays.picture(one.id))]
    return inventory.missing(out, [folder.table, *pictures])


def boxes(out: Path) -> dict[str, list[dict[str, object]]]:
    """The table of boxes, as JSON has it; nothing of an earlier version, which wrote none.

    Raises:
        BadDataError: it is damaged.
    """
    path = InspectedFolder(out).overlays.boxes
    if not path.is_file():
        return {}
    rows = tables.read(path, INSPECT_BOXES_FORM, "Run `adtool inspect --force` to write it again.")
    of = {**dict.fromkeys(BOX_COLUMNS, int), "score": float}
    return {"boxes": [{"file": row["file"], **{name: kind(row[name]) for name, kind in of.items()}} for row in rows]}
