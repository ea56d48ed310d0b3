"""Good parts that a person added to what a detector learns from, after its model was made.

They are copied to `models/<detector>/_added/<category>/`, so that they outlive the folder that they came from, and stay
when the model is made again; they belong to its identity as all normal images do.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adtool.core import files, layout, tables
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import UsageError
from adtool.core.tables import TableForm
from adtool.core.words import first_few

SETTING = "added"
TABLE, COLUMNS = "added.csv", ("id", "file", "from")
FORM = TableForm(COLUMNS, name=("id", "file"), path=("id", "file"), key=("id",))
DIGITS = 16  # of the hash that an image is called by
SHOWN = 3

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class AddedFolder:
    """The good parts that were added to a category of a detector; there may be none."""

    path: Path

    @property
    def table(self) -> Path:
        """What was added: COLUMNS."""
        return self.path / TABLE

    def rows(self) -> list[tables.Row]:
        """Rows of the table, in the order in which they were added.

        Raises:
            BadDataError: the table is damaged.
        """
        remedy = f"Mend it, or remove {self.path} to do without what was added."
        return tables.read(self.table, FORM, remedy) if self.table.exists() else []


def folder_of(detector: str, category: str, models: Path) -> AddedFolder:
    """Where they lie."""
    return AddedFolder(models / detector / layout.ADDED / category)


def with_added(category: Category, detector: str, models: Path) -> Category:
    """A category whose normal images are its own and those that were added.

    Raises:
        BadDataError: the table of what was added is damaged.
    """
    return replace(category, train=category.train + samples(category, folder_of(detector, category.name, models)))


def samples(category: Category, folder: AddedFolder) -> tuple[Sample, ...]:
    """What was added to a category, read as its own images are."""
    return tuple(
        Sample(category.name, row["id"], layout.TRAIN, layout.NORMAL_KIND, folder.path / row["file"], None,
               reading=category.reading)
        for row in folder.rows()
    )  # fmt: skip


def add(folder: AddedFolder, images: Iterable[Path]) -> list[str]:
    """Copy images into the folder; what is there already, whatever its name, is not added again.

    Returns:
        ids of the new ones.
    """
    rows = list(folder.rows())
    known = {row["id"] for row in rows}
    new = []
    for image in images:
        name = id_of(image)
        if name in known:
            continue
        known.add(name)
        new.append(name)
        file = f"{Path(name).name}{image.suffix.lower()}"
        files.write_bytes(folder.path / file, image.read_bytes())
        rows.append({"id": name, "file": file, "from": str(image)})
    if new:
        files.write_csv(folder.table, COLUMNS, rows)  # last: what it does not name is not there
    return new


def remove(folder: AddedFolder, names: Sequence[str]) -> list[str]:
    """Take images out again.

    Args:
        folder: where they lie.
        names: ids, or the files that they came from.

    Returns:
        ids of those that were removed.

    Raises:
        UsageError: one is not there.
    """
    rows = folder.rows()
    called = {name: row for row in rows for name in (row["id"], row["from"], Path(row["from"]).name)}
    if strange := [name for name in names if name not in called]:
        listed = first_few([row["id"] for row in rows], SHOWN) or "nothing"
        raise UsageError(f"{folder.path} has no '{strange[0]}'. It holds {listed}; see {folder.table}.")
    gone = {called[name]["id"]: called[name]["file"] for name in names}
    files.write_csv(folder.table, COLUMNS, [row for row in rows if row["id"] not in gone])
    for file in gone.values():
        (folder.path / file).unlink(missing_ok=True)
    return list(gone)


def identity(category: Category, detector: str, models: Path) -> dict[str, object]:
    """What settings say of what was added to a category; nothing if nothing was."""
    names = sorted(row["id"] for row in folder_of(detector, category.name, models).rows())
    return {SETTING: hashlib.sha256("\n".join(names).encode()).hexdigest()[:DIGITS]} if names else {}


def is_added(one: Sample) -> bool:
    """Whether a normal image was added."""
    return one.image.parent.parent.name == layout.ADDED


def id_of(image: Path) -> str:
    """What an image is called once it is added: by its content, whatever its name."""
    return f"added/{files.sha256(image)[:DIGITS]}"


def among(category: Category, folder: AddedFolder) -> list[str]:
    """Ids of the test images that were added: no figure may be of them, since they were learned from."""
    there = {row["id"] for row in folder.rows()}
    return [one.id for one in category.test if id_of(one.image) in there] if there else []
