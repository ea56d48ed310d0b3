"""Names that a person gave to classes, where `discover --force` finds the classes again.

What was said is put aside before the old classes are removed, so that a kill loses nothing. A class found anew takes
the name that most of its parts had.
"""

import re
from collections import Counter
from pathlib import Path

from adtool.core import files, layout
from adtool.core.errors import BadDataError
from adtool.core.layout import NORMAL_CLASS, UNKNOWN_CLASS, ClassesFolder
from adtool.discover import review

FOLDER = "_reviewed"  # below the folder of all categories' classes
PARTS = "parts.csv"  # the name of each part's class
COLUMNS = ("id", "name")
NUMBERED = re.compile(r"c\d+")


def put_aside(out: Path, category: str) -> None:
    """Keep what a person said of a category's classes, if anything; they are about to be removed."""
    folder, kept = ClassesFolder(out / category), out / FOLDER / category
    try:
        named = _names(folder)
    except BadDataError:
        named = []  # a table is damaged, which is why the classes are found again
    if named or (folder.path / layout.AS_FOUND).is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        if folder.classes.exists():
            files.copy(folder.classes, kept / folder.classes.name)
        files.write_csv(kept / PARTS, COLUMNS, ({"id": one, "name": name} for one, name in named))


def _names(folder: ClassesFolder) -> list[tuple[str, str]]:
    """The parts of classes that a person gave names, and these."""
    if not (folder.classes.exists() and folder.images.exists()):
        return []
    said = {row["class"]: (row.get("name") or "").strip() for row in folder.class_rows() if not layout.is_move(row)}
    # Where a review was applied the parts' classes are called so already, and none is called as it was found.
    named = [(row["id"], said.get(row["class"]) or row["class"]) for row in folder.image_rows()]
    return [(one, name) for one, name in named if is_given(name)]


def is_given(name: str) -> bool:
    """Whether a class is called as a person said, and is a class of its own."""
    return name not in (NORMAL_CLASS, UNKNOWN_CLASS) and not NUMBERED.fullmatch(name)


def give_back(out: Path, category: str) -> tuple[dict[str, str], list[str]]:
    """Call classes that were found anew as a person did; what each is called, and what is to be said of it.

    Raises:
        BadDataError: a table is damaged.
    """
    kept, folder = out / FOLDER / category, ClassesFolder(out / category)
    if not (kept / PARTS).exists():
        return {}, []
    given = {row["id"]: row["name"] for row in files.read_csv(kept / PARTS)}
    members: dict[str, list[str | None]] = {}
    for row in folder.image_rows():
        members.setdefault(row["class"], []).append(given.get(row["id"]))
    names = {one: name for one, of in members.items() if one != NORMAL_CLASS and (name := _most(of)) is not None}
    if names:
        table = [{**row, "name": names.get(row["class"], "")} for row in folder.class_rows()]
        review.apply(out, category, table, folder.classes)
    (kept / PARTS).unlink()
    gone = sorted({*given.values()} - {*names.values()})
    return names, [_said(category, names, gone, kept / folder.classes.name)]


def _most(names: list[str | None]) -> str | None:
    """The name of more than half of some parts."""
    name, count = Counter(names).most_common(1)[0]
    return name if 2 * count > len(names) else None


def _said(category: str, names: dict[str, str], gone: list[str], table: Path) -> str:
    kept = f"of a person's names {', '.join(f'{name} ({one})' for one, name in names.items())} went with their parts"
    parts = [kept if names else "", f"no class has most of the parts of {', '.join(gone)}" if gone else ""]
    said = "; ".join(one for one in parts if one) or "nothing that a person said could be kept"
    return (
        f"{category}: classes were found again: {said}. What was said before lies in {table}; say merges, splits, "
        "rejections and moves again."
    )
