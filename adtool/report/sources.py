"""What a report is about: the folders, their categories, and the data set that they were made from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import layout
from adtool.core.dataset import looking
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import limit_file
from adtool.core.steps import notes, step_run

CHAIN = (Path(layout.MAPS), Path(layout.REFINED), Path(layout.CLASSES))
ORACLE = "oracle"


@dataclass(frozen=True)
class ReportSource:
    """A folder to report on.

    Attributes:
        name: what the report calls it, the folder's name.
        path: where it is.
        categories: those that are finished.
        unfinished: the others, each with a sentence that says so.
    """

    name: str
    path: Path
    categories: tuple[str, ...]
    unfinished: Mapping[str, str] = field(default_factory=dict)


def folders(given: Sequence[Path]) -> list[Path]:
    """The folders named, else those of the chain that have a finished category.

    Raises:
        MissingInputError: a folder is not there or holds no results, or there is none at all.
    """
    missing = [str(folder) for folder in given if not folder.is_dir()]
    if missing:
        raise MissingInputError(f"No folder at {', '.join(missing)}. Name folders that `adtool maps` or others wrote.")
    empty = [str(folder) for folder in given if not _has_results(folder)]
    if empty:
        raise MissingInputError(
            f"No results in {', '.join(empty)}: neither a finished category nor a map (.tiff). "
            "Name folders that `adtool maps` or others wrote."
        )
    found = list(given) or [folder for folder in CHAIN if notes.done_categories(folder)]
    if not found:
        raise MissingInputError(
            "Nothing to report on: none of maps/, refined/ and classes/ has a finished category. "
            "Run `adtool maps` first."
        )
    return found


def _has_results(folder: Path) -> bool:
    if (folder / layout.STEP_FILE).exists():
        return bool(notes.done_categories(folder))
    return next(folder.rglob("*.tiff"), None) is not None


def as_looked_at(source: ReportSource, category: Category) -> Category:
    """A category whose pictures are looked at as those were that the folder was made from."""
    return looking.followed(category, notes.note_of(source.path / category.name).all_settings.get(looking.LOOK_AT))


def noted_data(chosen: Sequence[Path]) -> Path:
    """The data set that the folders name, else data/.

    Raises:
        BadDataError: they name different ones.
    """
    found = {folder: notes.note_of(folder) for folder in chosen}
    noted = {folder: step_run.noted_data(folder, None) for folder, note in found.items() if note.data}
    if len({path.resolve() for path in noted.values()}) > 1:
        listed = ", ".join(f"{folder} from {path}" for folder, path in noted.items())
        raise BadDataError(f"The folders were made from different data sets: {listed}. Report on them one by one.")
    return next(iter(noted.values()), Path(layout.DATA))


def find(chosen: Sequence[Path], data: Dataset, categories: Collection[str]) -> list[ReportSource]:
    """The sources in the order of the folders.

    Args:
        chosen: folders, as `folders` gives them.
        data: the data set.
        categories: those asked for, all if empty.

    Raises:
        MissingInputError: no folder has a finished category of those.
    """
    names = [folder.resolve().name for folder in chosen]
    found = []
    for folder, name in zip(chosen, names, strict=True):
        there, unfinished = _categories(folder, data)
        asked = {one for one in (*there, *unfinished) if not categories or one in categories}
        found.append(
            ReportSource(
                name if names.count(name) == 1 else folder.as_posix(),
                folder,
                tuple(one for one in there if one in asked),
                {one: text for one, text in unfinished.items() if one in asked},
            )
        )
    if not any(source.categories for source in found):
        wanted = " or ".join(categories or sorted(data.categories))
        raise MissingInputError(
            f"Nothing to report on: no finished category {wanted} in {', '.join(str(folder) for folder in chosen)}."
        )
    return found


def taught_by(chain: Sequence[ReportSource], category: str) -> frozenset[str]:
    """Test images that a limit or a model was taught by: a person answered for them, or added them to the good parts.

    Nothing can be measured on them, in any folder of the chain.

    Raises:
        BadDataError: a limit is damaged.
    """
    found: set[str] = set()
    for folder in dict.fromkeys(one for source in chain for one in _with_origins(source.path)):
        found.update(limit_file.read(folder / category).made_from.answered, notes.result_of(folder / category).added)
    return frozenset(found)


def oracles(folder: Path, category: str) -> str:
    """What labels of test images decided of a folder, or of the maps that it was made from; empty if nothing.

    Such figures are stamped: they show what would be possible, not what was achieved (reference, "Folders").
    """
    settings = [notes.note_of(one / category).settings for one in _with_origins(folder)]
    found = ["number of classes is an oracle"] if any(one.classes == ORACLE for one in settings) else []
    found += ["training stopped by an oracle"] if any(one.stop == ORACLE for one in settings) else []
    return ", ".join(found)


def _with_origins(folder: Path) -> list[Path]:
    """A folder, the maps that it was made from, and those that these were."""
    found = [folder]
    while (origin := step_run.noted_path(found[-1], "maps")) is not None and origin not in found:
        found.append(origin)
    return found


def _categories(folder: Path, data: Dataset) -> tuple[list[str], dict[str, str]]:
    """The finished categories of a folder, and the others with a sentence that says so."""
    if not (folder / layout.STEP_FILE).exists():  # maps that someone else wrote: a folder a category is all we ask
        return [category for category in sorted(data.categories) if (folder / category).is_dir()], {}
    there = notes.done_categories(folder)
    states = {sub.name: notes.read_note(sub) for sub in sorted(folder.iterdir()) if sub.is_dir()}
    return there, {
        name: f"{folder}/{name} is left out: it is not finished ({note.state or None})."
        for name, note in states.items()
        if note.is_there and name not in there
    }
