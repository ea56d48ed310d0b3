"""What is said of shards, and of the whole that they become."""

from collections.abc import Sequence
from pathlib import Path

from adtool.core import layout
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.limits import sentences as of_limit
from adtool.core.outcome import Exact
from adtool.core.shards.shard_run import ShardWork
from adtool.core.steps import notes, unread
from adtool.core.words import first_few

SHOWN = 8  # shards named


def whole(folder: Path) -> dict[str, object]:
    """The line of a category of maps that is whole."""
    rows = MapsFolder(folder.parent).image_rows(folder.name)
    limit = limit_file.read(folder)
    rejected = sum(row["decision"] == layout.NOT_OK for row in rows)
    return {
        "category": folder.name,
        "images": len(rows),
        "NOK": rejected if limit.value is not None else "-",
        "limit": Exact(limit.value) if limit.value is not None else "none",
    }


def line(work: ShardWork, count: int) -> dict[str, object]:
    """The line of a shard of a category; that of the whole if it was made."""
    if work.is_whole:
        return whole(work.folder)
    return {"category": work.folder.name, "images": count, "NOK": "-", "limit": f"shard {work.shard}"}


def sentences_of(folder: Path) -> list[str]:
    """What is said of a category that is whole."""
    said = f"{folder.name}: {of_limit.about(limit_file.read(folder))}"
    return [said, *unread_in(folder)]


def unread_in(folder: Path) -> list[str]:
    """A line on the pictures of a category that could not be read, if there are any."""
    return unread.of_category(folder.name, notes.result_of(folder))


def sentences(work: ShardWork) -> Sequence[str]:
    """What is said of it at the end."""
    name = work.folder.name
    if work.is_whole:
        return [f"{name}: all {work.shard.count} shards are done.", *sentences_of(work.folder)]
    waits = first_few([str(one) for one in work.waits_for], SHOWN)
    return [f"{name}: shard {work.shard} is done, {waits} not yet."] if waits else []
