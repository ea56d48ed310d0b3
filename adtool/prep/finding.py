"""Finding the raw download of a data set."""

from collections.abc import Callable, Sequence
from pathlib import Path

from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.errors import MissingInputError
from adtool.core.folders import listing
from adtool.core.steps import workspace_paths

SEARCHED = (".", "./*", "data/*", "data/raw/*")
LEVELS_ABOVE = 3  # how far a folder inside a download is recognised as such


def find_source(
    given: Path | None, looks_right: Callable[[Path], bool], *, name: str, expected: str, published: str
) -> Path:
    """The folder of a download: given, or the first place that looks like it.

    Args:
        given: `--source`, or None to search.
        looks_right: whether a folder is that download.
        name: of the data set.
        expected: the tree that is expected, for the message.
        published: where it is published, for the message.

    Raises:
        MissingInputError: not found.
    """
    if given is not None:
        if looks_right(given):
            return given
        below = _fitting(_subfolders(given), looks_right)
        if len(below) == 1:
            return below[0]
        if below:
            listed = ", ".join(str(sub) for sub in below)
            raise MissingInputError(f"--source {given} holds {name} several times: {listed}. Name one of them.")
        _refuse_inside(given, looks_right, name)
        what = "does not exist" if not given.exists() else f"does not look like {name}"
        raise MissingInputError(f"--source {given} {what}. Expected there: {expected}. Published at {published}")
    for place in _places():
        if _fitting([place], looks_right):
            return place
    raise MissingInputError(
        f"No {name} found in {', '.join(SEARCHED)} (below {Path.cwd()}). Give its folder with --source. "
        f"Expected there: {expected}. Published at {published}"
    )


def _refuse_inside(given: Path, looks_right: Callable[[Path], bool], name: str) -> None:
    """Name the download for someone who is a level too deep in it."""
    if not given.is_dir():
        return
    for above in given.resolve().parents[:LEVELS_ABOVE]:
        if looks_right(above):
            place = workspace_paths.short(above)
            raise MissingInputError(
                f"--source {given} does not look like {name}, but {place}, which it lies in, does. "
                f"If that one is meant, give --source {place}"
            )


def _fitting(places: Sequence[Path], looks_right: Callable[[Path], bool]) -> list[Path]:
    """Those of some places that look right; one that may not be read is said and passed over."""
    found, closed = [], []
    for place in places:
        try:
            if looks_right(place):
                found.append(place)
        except (PermissionError, MissingInputError):
            closed.append(place)
    remarks.say(remarks.of(rules.NOT_OPENED, closed))
    return found


def _subfolders(folder: Path) -> Sequence[Path]:
    try:
        return listing.subfolders(folder) if folder.is_dir() else []
    except MissingInputError:
        remarks.say(remarks.of(rules.NOT_OPENED, [folder]))
        return []


def _places() -> list[Path]:
    here = Path()
    return [here, *_subfolders(here), *_subfolders(here / "data"), *_subfolders(here / "data" / "raw")]
