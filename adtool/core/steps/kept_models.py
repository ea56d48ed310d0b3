"""Models of other settings, kept beside the newest: models/<detector>/_kept/<category>/<hash of their identity>/.

Whole folders are renamed, so that a kill leaves every model in one of its two places; whoever looks for one looks in
both.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from adtool.core import layout
from adtool.core.steps import notes
from adtool.core.steps.identity import Identity

DIGITS = 12  # of the hash
Missing = Callable[[Path], Sequence[Path]]

log = logging.getLogger("adtool")


def of(folder: Path) -> list[Path]:
    """The kept models of the category whose newest lies in `folder`, sorted by name."""
    above = folder.parent / layout.KEPT / folder.name
    return sorted(sub for sub in above.iterdir() if sub.is_dir()) if above.is_dir() else []


def find(folder: Path, identity: Identity, missing: Missing) -> Path | None:
    """The kept model that is the same as the one wanted in `folder`, whole and finished."""
    for one in of(folder):
        note = notes.read_note(one)
        if note.state == notes.DONE and not identity.differences(note) and not missing(one):
            return one
    return None


def put_away(folder: Path, missing: Missing) -> bool:
    """Keep a finished model elsewhere, since another takes its place; whether there was one that is whole."""
    note = notes.read_note(folder)
    if note.state != notes.DONE or missing(folder):
        return False
    text = json.dumps(note.identity(), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    above = folder.parent / layout.KEPT / folder.name
    above.mkdir(parents=True, exist_ok=True)
    names = (digest if number == 1 else f"{digest}-{number}" for number in count(1))
    place = next(above / name for name in names if not (above / name).exists())
    _move(folder, place)
    log.info("%s: its model has other settings or images, and is kept as %s.", folder, place)
    return True


def bring_back(folder: Path, identity: Identity, missing: Missing) -> None:
    """Put a kept model back into its place if it is the one wanted; the one that is there is kept instead."""
    note = notes.read_note(folder)
    if note.is_there and not identity.differences(note):
        return
    found = find(folder, identity, missing)
    if found is None:
        return
    if folder.exists() and not put_away(folder, missing):
        notes.remove_folder(folder)
    if not (folder.exists() or folder.is_symlink()):
        _move(found, folder)
        log.info("%s: a model of these settings was kept, and is used again.", folder)


def _move(folder: Path, place: Path) -> None:
    if folder.is_symlink():  # a relative link would lead elsewhere from there
        place.symlink_to(folder.resolve(), target_is_directory=True)
        folder.unlink()
    else:
        folder.rename(place)
