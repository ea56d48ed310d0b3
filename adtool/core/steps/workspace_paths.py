"""Paths in notes: relative to the workspace, the folder that the noting one stands in.

`demo/maps/_step.json` names its data set `data/synthetic`: right for `adtool -C demo`, for `adtool report demo/maps`,
and after the workspace was moved. Notes of older versions name paths as seen from where adtool was started.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from adtool.core import urls
from adtool.core.steps.identity import as_noted
from adtool.core.steps.note_form import StepNote

KEY, BESIDE = "paths", "beside"  # what a note says of its paths; an older one says nothing


def noted(path: Path, folder: Path) -> str:
    """A path as the note of `folder` has it: relative to the workspace where both lie in one, else absolute."""
    if (url := urls.shown(path)) is not None:
        return url
    full, base, here = path.resolve(), _beside(folder), Path.cwd()
    if full.is_relative_to(base):
        return full.relative_to(base).as_posix()
    if full.is_relative_to(here) and base.is_relative_to(here):  # such as `--out results/maps` and data/
        return Path(os.path.relpath(full, base)).as_posix()
    return full.as_posix()


def in_note(notes: Mapping[str, object], folder: Path) -> dict[str, object]:
    """What a note shall hold, its `Path`s as the note of `folder` has them."""
    texts = {name: noted(one, folder) if isinstance(one, Path) else as_noted(one) for name, one in notes.items()}
    return texts | ({KEY: BESIDE} if any(isinstance(one, Path) for one in notes.values()) else {})


def found(text: str, folder: Path, note: StepNote) -> Path:
    """Where a path leads that the note of `folder` names; the likeliest place if there is nothing in any.

    Raises:
        MissingInputError: it is a URL, and what lies there was not fetched on this machine.
    """
    if urls.is_url(text):
        return urls.here(urls.url_of(text), folder)
    if Path(text).is_absolute():
        return Path(text)
    places = [short(base / text) for base in _bases(folder, is_beside=note.document.get(KEY) == BESIDE)]
    return next((place for place in places if place.exists()), places[0])


def _bases(folder: Path, *, is_beside: bool) -> Iterator[Path]:
    """What a noted path may be relative to, the likeliest first."""
    beside = _beside(folder)
    yield from (beside, Path.cwd()) if is_beside else (Path.cwd(), beside)
    yield from beside.parents  # a workspace in a subfolder, made from above by an older version


def _beside(folder: Path) -> Path:
    """The folder that `folder` stands in, also where it is a link to another disk."""
    return Path(os.path.abspath(folder)).parent.resolve()  # noqa: PTH100, `resolve` would follow that link


def short(path: Path) -> Path:
    """As a person would write it from the current folder."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100, links stay as they are written
    return plain.relative_to(Path.cwd()) if plain.is_relative_to(Path.cwd()) else plain
