"""Puts a limit in force: `limit.json`, then the decisions in images.csv, which can always be made again from it."""

from pathlib import Path

from adtool.core import files, layout
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.limits.limit_file import Limit
from adtool.core.tables import Row
from adtool_runtime.decision import decision


def decided(folder: Path, limit: Limit) -> list[Row]:
    """The rows of images.csv of a category of maps, as a limit decides them; nothing is written.

    Raises:
        MissingInputError: there is no such table.
        BadDataError: it is damaged.
    """
    rows = MapsFolder(folder.parent).image_rows(folder.name)
    return [{**row, "decision": decision(float(row["image_score"]), limit.value)} for row in rows]


def is_in_force(folder: Path, limit: Limit) -> bool:
    """Whether nothing has to be written for a limit to hold; a kill may have come between its two files."""
    return limit_file.read(folder) == limit and decided(folder, limit) == MapsFolder(folder.parent).image_rows(
        folder.name
    )


def apply(folder: Path, limit: Limit) -> list[Row]:
    """Write a limit and its decisions for a category of maps, whose lock is held; the rows of images.csv.

    The limit comes first: whoever finds it beside other decisions makes these again.

    Raises:
        MissingInputError: there is no such table.
        BadDataError: it is damaged.
    """
    rows = decided(folder, limit)
    if not limit_file.is_there(folder) or limit_file.read(folder) != limit:
        limit_file.write(folder, limit)
    maps = MapsFolder(folder.parent)
    if rows != maps.image_rows(folder.name):
        files.write_csv(maps.images(folder.name), layout.IMAGES_COLUMNS, rows)
    return rows
