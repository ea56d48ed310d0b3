"""What shards leave in a category's folder until the whole is made: a note and a table each, beside the maps."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from adtool.core import layout
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder
from adtool.core.shards.shard import Shard, named
from adtool.core.steps import inventory, locks, notes
from adtool.core.steps.note_form import StepNote

TURN = "turn"  # part of a folder that one shard at a time has
PREFIX, SUFFIX = layout.STEP_FILE.split(".")
# In the result of a shard's note: how many images all shards have together, how many maps were made, and in what time.
OF_ALL, MADE, SECONDS = "of", "made", "seconds"
SPEED = "images_per_second"  # in the result of maps


def note_path(folder: Path, shard: Shard) -> Path:
    """The note of a shard."""
    return folder / f"{PREFIX}.{shard.name}.{SUFFIX}"


def read_note(folder: Path, shard: Shard) -> StepNote:
    """What the note of a shard says, as `notes.read_note`."""
    return notes.read_at(note_path(folder, shard))


def begun(folder: Path) -> list[Shard]:
    """Shards that have a note in a category's folder."""
    names = (path.name.split(".")[1] for path in folder.glob(layout.OF_SHARDS[0]))
    return sorted(filter(None, map(named, names)))


def open_ones(folder: Path, shards: Iterable[Shard]) -> dict[Shard, str]:
    """Those of some shards that are not done, each with its state in words."""
    found: Mapping[Shard, StepNote] = {one: read_note(folder, one) for one in shards}
    return {one: _told(note) for one, note in found.items() if note.state != notes.DONE}


def _told(note: StepNote) -> str:
    if not note.is_there:
        return "not begun"
    host = (note.document.get("noted") or {}).get("host")
    where = f" on {host}" if isinstance(host, str) else ""
    return f"failed{where}: {note.error}" if note.state == notes.FAILED else f"not finished{where}"


def missing(folder: Path, shard: Shard) -> list[Path]:
    """What a shard should have written and is not there: its table, and the maps that it names."""
    maps, category = MapsFolder(folder.parent), folder.name
    table = maps.images(category, shard.name)
    if not table.exists():
        return [table]
    rows = maps.image_rows(category, shard.name)
    return inventory.missing(folder, [maps.scores(category, row["id"]) for row in rows])


def forget(folder: Path, shard: Shard) -> None:
    """Remove what a shard made, so that it is made again."""
    maps, category = MapsFolder(folder.parent), folder.name
    table = maps.images(category, shard.name)
    for row in maps.image_rows(category, shard.name) if table.exists() else ():
        maps.scores(category, row["id"]).unlink(missing_ok=True)
    forget_note(folder, shard)


def forget_note(folder: Path, shard: Shard) -> None:
    """Remove the table and the note of a shard; its maps stay."""
    for path in (MapsFolder(folder.parent).images(folder.name, shard.name), note_path(folder, shard)):
        path.unlink(missing_ok=True)


def require_same_division(folder: Path, count: int, *, force: bool) -> None:
    """Refuse another number of shards than those that are there; with `force` their notes go, and the maps stay.

    Raises:
        UsageError: there are such, and not `force`.
    """
    others = [one for one in begun(folder) if one.count != count]
    if others and force:
        for one in others:
            forget_note(folder, one)
    elif others:
        raise UsageError(
            f"{folder} was begun in {others[0].count} shards ({others[0]} is there), and this is one of {count}. Give "
            f"K/{others[0].count}, or run the same command without --shard, or once with --force: both go on with the "
            "maps that are there."
        )


def clear_other_divisions(out: Path, count: int, folders: Iterable[Path]) -> None:
    """Forget the notes of shards of another number, of runs that were stopped; what they wrote is gone on with.

    Args:
        out: the folder of the step; nothing is forgotten while someone is at work in it.
        count: of the shards that are to be.
        folders: that hold such notes.
    """
    if not out.is_dir():
        return
    with locks.waiting(allowed=True), locks.writing(out, TURN):
        for folder in folders if not locks.others_at_work(out) else ():
            for one in begun(folder):
                if one.count != count:
                    forget_note(folder, one)
