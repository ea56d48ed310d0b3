"""What must lie in a finished folder, by its own tables: looked at before it is called done, and when it is skipped."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from adtool.core import files, layout
from adtool.core.errors import AdtoolError, BadDataError
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder
from adtool.core.steps import notes

FILES = "files"  # in the result of a model's note: the names of its files


def of_maps(folder: Path) -> list[Path]:
    """What is missing in a category of maps."""
    maps, category = MapsFolder(folder.parent), folder.name
    table = maps.images(category)
    return missing(folder, [table, *(maps.scores(category, row["id"]) for row in _rows(table, "id"))])


def of_classes(folder: Path) -> list[Path]:
    """What is missing in a category of classes."""
    classes = ClassesFolder(folder)
    paths = fixed_of_classes(folder)
    paths += [classes.binary(row["id"]) for row in _rows(classes.images, "id")]
    for row in _rows(classes.crops, "id", "crop"):
        if row["crop"].isdecimal():
            paths += [classes.crop(row["id"], int(row["crop"])), classes.crop_mask(row["id"], int(row["crop"]))]
    return missing(folder, paths)


def fixed_of_classes(folder: Path) -> list[Path]:
    """The tables and the model of a category of classes."""
    classes = ClassesFolder(folder)
    return [classes.crops, classes.regions, classes.images, classes.classes, classes.model, classes.card]


def of_model(folder: Path) -> list[Path]:
    """What is missing of a model; an older adtool did not note what it had written."""
    named = (folder / Path(name).name for name in notes.read_note(folder).result.files)
    return missing(folder, [ModelFolder(folder).card, *named])


def of_dataset(folder: Path) -> list[Path]:
    """What is missing in a data set that `prep` wrote."""
    table = folder / layout.SAMPLES_FILE
    rows = _rows(table, "image", "mask")
    named = [folder / name for row in rows for name in (row["image"], row["mask"]) if name]
    return missing(folder, [folder / layout.DATASET_FILE, table, *named])


def names_in(folder: Path) -> list[str]:
    """The files that lie directly in a folder, but for its note and hidden ones."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.name != layout.STEP_FILE
    )


def missing(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Those of some paths that are not there; the folder that holds most of them is listed only once."""
    there = {os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names}  # noqa: PTH118, fast
    return [path for path in paths if str(path) not in there and not path.exists()]


def _rows(table: Path, *columns: str) -> list[dict[str, str]]:
    """Rows of a table, none if it can't be read, which whoever uses it says."""
    try:
        rows = files.read_csv(table) if table.is_file() else []
    except AdtoolError:
        return []
    return [row for row in rows if all(row.get(column) is not None for column in columns)]


def require(gone: Sequence[Path], folder: Path) -> None:
    """Refuse to call a folder done that lacks files.

    Raises:
        BadDataError: it does.
    """
    if gone:
        raise BadDataError(
            f"{files_are(len(gone))} missing in {folder} that were just written, for instance {gone[0]}. "
            "Does something else remove files there? Run the same command again: it makes what is missing."
        )


def files_are(count: int) -> str:
    """`1 file is`, `2 files are`."""
    return "1 file is" if count == 1 else f"{count} files are"
