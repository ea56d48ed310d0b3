"""The limit of a category that is done in shards: what was asked for before it was begun anew is asked for again."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adtool.core.json_files import JsonForm
from adtool.core.limits import keeping, limit_file
from adtool.core.limits.asked import Asked
from adtool.core.limits.keeping import AskedBefore
from adtool.core.limits.limit_file import Limit
from adtool.core.steps import notes

BEFORE = "asked_before"  # in the note of a category that is begun anew


class NotedBefore(JsonForm):
    """`AskedBefore` as it is noted."""

    again: dict[str, float | None]
    told: str
    set_by: str
    kept: Limit | None = None


def noted(before: AskedBefore) -> dict[str, Any]:
    """What the note of a category shall say of the limit that was asked for; nothing if none was."""
    if not before.told:
        return {}
    kept = None if before.kept is None else before.kept.model_dump()
    return {BEFORE: {"again": asdict(before.again), "told": before.told, "set_by": before.set_by, "kept": kept}}


def before(folder: Path) -> AskedBefore:
    """What was asked for, by the limit that another shard wrote, or by the note of the category."""
    if limit_file.is_there(folder):
        return keeping.asked_before(folder, is_same=True)
    document = notes.read_note(folder).document.get(BEFORE)
    if document is None:
        return AskedBefore()
    found = NotedBefore.of(document)
    return AskedBefore(Asked(**found.again), found.told, found.set_by, found.kept)


def settle(folder: Path, choose: Callable[[AskedBefore], Limit]) -> Limit:
    """Write the limit of a category unless it is there already; for the shard whose turn it is.

    Args:
        folder: of the category.
        choose: gives it, by what was asked for before.
    """
    limit = choose(before(folder))
    if not limit_file.is_there(folder) or limit_file.read(folder) != limit:
        limit_file.write(folder, limit)
    return limit
