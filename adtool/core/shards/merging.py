"""The whole of a category of maps from its shards: byte for byte what one process writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import MapsFolder
from adtool.core.limits import decisions, limit_file
from adtool.core.shards import shard_files
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_files import MADE, OF_ALL, SECONDS, SPEED
from adtool.core.shards.shared_limit import BEFORE
from adtool.core.steps import inventory, locks, notes, unread
from adtool.core.steps.identity import same_origin
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.provenance import surroundings
from adtool.core.tables import Row
from adtool.core.words import counted, first_few

SHOWN = 5  # shards named in a message
NOT_FINITE = "not_finite"  # in the result of maps
NOT_OF_WHOLE = ("state", "result", "error", BEFORE)


def shard_count(folder: Path) -> int:
    """Into how many shards a category was divided; 0 if it has none.

    Raises:
        BadDataError: shards of several divisions are there.
    """
    counts = sorted({one.count for one in shard_files.begun(folder)})
    if len(counts) > 1:
        raise BadDataError(
            f"{folder} has shards of {' and of '.join(map(str, counts))}: nobody knows which are meant. Run the same "
            "command without --shard, which goes on with what is there."
        )
    return counts[0] if counts else 0


def require_all(folder: Path, count: int) -> None:
    """Refuse to merge where a shard is missing.

    Raises:
        MissingInputError: one is, or is not finished; each is named.
    """
    lacking = shard_files.open_ones(folder, Shard(1, count).all)
    if lacking:
        told = [f"{one} ({why})" for one, why in lacking.items()]
        raise MissingInputError(
            f"{folder}: {len(lacking)} of {count} shards {'is' if len(lacking) == 1 else 'are'} missing: "
            f"{first_few(told, SHOWN)}. Run each with --shard, as the others; what it wrote is kept."
        )


def merge(folder: Path, count: int) -> None:
    """Make the tables and the note of a category whose shards are all done; its lock, or the turn, is held.

    Raises:
        MissingInputError: no image could be read.
        BadDataError: the shards don't belong together, or an id is missing or there twice.
    """
    whole = notes.note_of(folder)
    found = {one: shard_files.read_note(folder, one) for one in Shard(1, count).all}
    for one, note in found.items():
        _require_fellow(folder, whole, one, note)
    rows = _rows(folder, count)
    skipped = sorted(name for note in found.values() for name in note.result.skipped)
    refused = sorted(name for note in found.values() for name in note.result.not_finite)
    _require_every_image(folder, found, [row["id"] for row in rows], skipped)
    if not rows:
        name = whole.settings.detector
        raise unread.none_left(len(skipped), "test image", f"of {folder.name}", len(refused), name)
    files.write_csv(MapsFolder(folder.parent).images(folder.name), layout.IMAGES_COLUMNS, rows)
    decisions.apply(folder, limit_file.read(folder))
    inventory.require(inventory.of_maps(folder), folder)
    locks.remove_temporary(folder)
    record = {name: value for name, value in whole.document.items() if name not in NOT_OF_WHOLE}
    record["noted"] = {**surroundings(), "seconds": _sum(found, SECONDS), "shards": count}
    notes.write(folder, {**record, "result": _result(found, len(rows), skipped, refused)}, notes.DONE)
    notes.forget_parts(folder)


def _require_fellow(folder: Path, whole: StepNote, shard: Shard, note: StepNote) -> None:
    if not same_origin(whole.identity(), note.identity()):
        raise BadDataError(
            f"{folder}: shard {shard} was made with other settings or images than the others. Run it again as they "
            "were, with --force, or the same command without --shard."
        )


def _rows(folder: Path, count: int) -> list[Row]:
    """The rows of all shards, in the order in which one process writes them: by id."""
    maps = MapsFolder(folder.parent)
    rows: dict[str, Row] = {}
    for shard in Shard(1, count).all:
        for row in maps.image_rows(folder.name, shard.name):
            if row["id"] in rows:
                raise BadDataError(
                    f"{maps.images(folder.name, shard.name)}: the image '{row['id']}' is in another shard, too. "
                    f"Run `--shard {shard} --force` again."
                )
            rows[row["id"]] = row
    return [rows[name] for name in sorted(rows)]


def _require_every_image(folder: Path, found: Mapping[Shard, StepNote], ids: list[str], skipped: list[str]) -> None:
    """Each image has a row or was skipped, once."""
    wanted = {note.whole_result.get(OF_ALL) for note in found.values()}
    if wanted != {len(ids) + len(skipped)} or set(ids) & set(skipped):
        told = " or ".join(str(one) for one in sorted(wanted, key=str))
        raise BadDataError(
            f"{folder}: the shards hold {counted(len(ids), 'image')} and skipped {len(skipped)}, but there are {told}. "
            "Did the data set change between them? Run the same command without --shard, or all shards with --force."
        )


def _result(found: Mapping[Shard, StepNote], count: int, skipped: list[str], refused: list[str]) -> dict[str, Any]:
    """What one process notes of its result."""
    first = next(iter(found.values())).whole_result
    result = {name: value for name, value in first.items() if name not in (OF_ALL, MADE, SECONDS, NOT_FINITE)}
    result |= {"images": count, "skipped": skipped} | ({NOT_FINITE: refused} if refused else {})
    if SPEED in result:
        seconds = _sum(found, SECONDS)
        result[SPEED] = round(_sum(found, MADE) / seconds, 1) if seconds > 0 else 0.0
    return result


def _sum(found: Mapping[Shard, StepNote], name: str) -> float:
    values = [note.whole_result.get(name) for note in found.values()]
    return round(sum(float(one) for one in values if isinstance(one, int | float)), 1)
