"""merge: shards of a step become one folder.

Reads  the tables and notes of shards (images.K-of-N.csv, _step.K-of-N.json) beside the maps
Writes the tables and the note of each category, as one process would have, and removes those of the shards
"""

from collections.abc import Sequence
from pathlib import Path

from adtool.core.errors import AdtoolError, MissingInputError
from adtool.core.outcome import Outcome
from adtool.core.shards import merging, told
from adtool.core.steps import folder_note, locks, notes
from adtool.merge.config import MergeConfig

COMMAND = "merge"


def run(config: MergeConfig) -> Outcome:
    """Make the whole of every category whose shards are all done; one that lacks some does not stop the others.

    Raises:
        MissingInputError: there is nothing to merge, or shards are missing; each is named.
        BadDataError: shards don't belong together.
        LockedError: a shard is still being written.
    """
    folder = config.out or Path(config.step)
    note = notes.note_of(folder)
    names = _categories(folder, config.category)
    outcome = Outcome(COMMAND, folder)
    with locks.writing(folder) as held:
        for name in names:
            try:
                count = merging.shard_count(folder / name)
                if notes.is_done(folder / name):
                    notes.forget_parts(folder / name)
                    outcome.skipped.append(name)
                else:
                    merging.require_all(folder / name, count)
                    held.check()
                    merging.merge(folder / name, count)
                    outcome.done.append(name)
            except AdtoolError as error:
                outcome.failed[name] = error
                continue
            outcome.rows.append(told.whole(folder / name))
        folder_note.write(folder, note.command, {})
    return outcome


def _categories(folder: Path, asked: Sequence[str]) -> list[str]:
    """Categories to merge: those asked for, else all that were begun.

    Raises:
        MissingInputError: there are none, or one was not made in shards.
    """
    there = sorted(sub.name for sub in folder.iterdir() if notes.note_of(sub).is_there) if folder.is_dir() else []
    names = list(dict.fromkeys(asked)) or there
    for name in names:
        if name not in there or not (notes.is_done(folder / name) or merging.shard_count(folder / name)):
            raise MissingInputError(
                f"{folder / name} has no shards. Make them with --shard, for instance `adtool maps --shard 1/2`."
            )
    if not names:
        raise MissingInputError(f"Nothing was made in shards in {folder}. Begin with `adtool maps --shard 1/2`.")
    return names
