"""A person's decisions on the classes found: rename, merge, split, reject. Nothing is computed again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from adtool.core import files, json_files, layout
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import SECOND, SPLIT, ClassesFolder
from adtool.core.steps import inventory, locks, notes
from adtool.core.steps.step_run import Outcome
from adtool.core.words import counted

COMMAND = "discover"
AS_FOUND = layout.AS_FOUND  # the tables from which every review starts
MERGE, REJECT = "merge", "reject"
ACTIONS = ("", "keep", MERGE, SPLIT, REJECT)


@dataclass(frozen=True)
class Move:
    """One image that a person put into another class: the class it was found in, and what it is called now."""

    was: str
    becomes: str


def run(out: Path, categories: tuple[str, ...], file: Path) -> Outcome:
    """Apply an edited classes.csv to one finished category.

    Args:
        out: folder of the classes.
        categories: the category; may be left out if there is one only.
        file: the edited table. `action`: `merge` puts a class into the one named in `into`, `reject` makes its images
            `unknown`, `split` makes a class of the second half of the one that may be two, called as `into` says;
            `name` renames. A further row with the action `move` puts the image `example_id` into the class
            that `into` names (or `unknown`).

    Raises:
        UsageError: several categories.
        MissingInputError: no finished category, or no such file.
        BadDataError: the table names classes that were not found, or an action that there is not, or splits a class
            of which no halves were found.
    """
    chosen = list(categories) or notes.done_categories(out)
    if len(chosen) > 1:
        raise UsageError(f"--review is for one category. Give --category, one of: {', '.join(chosen)}.")
    if not chosen or not notes.is_done(out / chosen[0]):
        raise MissingInputError(f"No finished classes at {out}. Run `adtool discover` first.")
    if not file.is_file():
        raise MissingInputError(f"There is no file {file}. Give the edited classes.csv.")
    table = files.read_csv(file, by_hand=True)  # before the tables are touched: it may be one of them
    with locks.writing(out):
        return apply(out, chosen[0], table, file)


def apply(out: Path, category: str, table: list[dict[str, str]], file: Path) -> Outcome:
    """Write the tables and the card as the review has them; see `run`, for a caller that writes the folder already."""
    folder = ClassesFolder(out / category)
    found = _keep_as_found(folder)
    said = [row for row in table if not layout.is_move(row)]
    images, as_found = found.image_rows(), found.class_rows()
    classes = {row["id"]: row["class"] for row in images}
    becomes = decide(said, [row["class"] for row in as_found], file)
    if differs := _differs(said, as_found, classes):
        raise BadDataError(
            f"{file} is of other classes than those in {folder.path}: {differs}. Found again since? "
            f"Edit {folder.classes}, or use the page of a new `adtool report --html`."
        )
    moved = moves(table, classes, becomes, file)
    second = _second_halves(images, becomes, file)
    tables = {folder.crops: found.crop_rows(), folder.images: images}
    card, reason = json_files.content(folder.card)
    strange = [row["class"] for rows in tables.values() for row in rows if row["class"] not in becomes]
    if strange or not isinstance(card, dict):
        what = f"there is no class '{strange[0]}' in {found.classes}" if strange else f"{folder.card}: {reason}"
        raise BadDataError(f"{folder.path} is damaged ({what}). Run `adtool discover --force`.")
    for path, rows in tables.items():
        files.write_csv(path, tuple(rows[0]), (_reviewed(row, becomes, moved, second) for row in rows))
    counts: dict[str, int] = {}
    for row in folder.image_rows():
        counts[row["class"]] = counts.get(row["class"], 0) + 1
    files.write_csv(folder.classes, layout.CLASSES_COLUMNS, table)
    files.write_json(folder.card, {**card, "review": becomes})
    outcome = Outcome(COMMAND, out, done=[category])
    sizes = ", ".join(f"{name} {count}" for name, count in counts.items())
    outcome.rows.append({"category": category, "classes": len(counts), "sizes": sizes})
    outcome.notes += joined(becomes, said)
    if moved:
        outcome.notes.append(f"{counted(len(moved), 'part')} moved to another class.")
    return outcome


def _differs(
    said: Sequence[Mapping[str, str]], as_found: Sequence[Mapping[str, str]], classes: Mapping[str, str]
) -> str:
    """How a review is of other classes, found before or elsewhere, whose names are the same; empty if it is of these.

    Args:
        said: a row of the review for each class.
        as_found: the same as the classes were found.
        classes: of each image, as it was found.
    """
    sizes = {row["class"]: (row.get("images") or "").strip() for row in as_found}
    for row in said:
        name, example, size = row["class"], row.get("example_id") or "", (row.get("images") or "").strip()
        if size and size != sizes[name]:
            return f"it has {size} parts in {name}, where there are {sizes[name]}"
        if example and classes.get(example) != name:
            where = f"which is in {classes[example]}" if example in classes else "which is not there"
            return f"its example of {name} is {example}, {where}"
    return ""


def _reviewed(
    row: Mapping[str, str], becomes: Mapping[str, str], moved: Mapping[str, Move], second: Collection[str]
) -> dict[str, str]:
    """A row of images.csv or crops.csv from now on; of several classes the first is the image's own."""
    own = _of(row, becomes, moved, second)
    several = (row.get("classes") or "").split(layout.SEVERAL)[1:]
    named = dict.fromkeys([own, *(becomes[name] for name in several if name in becomes)])
    return {**row, "class": own} | ({"classes": layout.SEVERAL.join(named)} if "classes" in row else {})


def _of(row: Mapping[str, str], becomes: Mapping[str, str], moved: Mapping[str, Move], second: Collection[str]) -> str:
    """The class of a row from now on: of an image, or of a crop, which goes with its image unless it differs."""
    move, half = moved.get(row["id"]), row["class"] + SECOND
    if move is not None and move.was == row["class"]:
        return move.becomes
    return becomes[half if half in becomes and row["id"] in second else row["class"]]


def _second_halves(images: list[dict[str, str]], becomes: Mapping[str, str], file: Path) -> set[str]:
    """The images that are of the second half of a class that a review splits.

    Raises:
        BadDataError: no halves of it were found.
    """
    halves = {row["class"]: row["id"] for row in images if row.get("half") == SECOND[1:]}
    for name in (half.removesuffix(SECOND) for half in becomes if half.endswith(SECOND)):
        if name not in halves:
            there = f"It can split {next(iter(halves))}. " if halves else ""
            raise BadDataError(
                f"{file}: adtool found no halves of {name} (column `half` of images.csv). {there}Leave its action "
                "empty, or move single parts to another class."
            )
    return {row["id"] for row in images if row.get("half") == SECOND[1:]}


def moves(
    table: list[dict[str, str]], classes: Mapping[str, str], becomes: Mapping[str, str], file: Path
) -> dict[str, Move]:
    """The images that a review moves, by id.

    Args:
        table: the review.
        classes: of each image, as it was found.
        becomes: what each class found is called from now on.
        file: for messages.

    Raises:
        BadDataError: an image or a class that there is not, or an image that is moved twice.
    """
    known = {**becomes, layout.UNKNOWN_CLASS: layout.UNKNOWN_CLASS}
    found: dict[str, Move] = {}
    for row in (row for row in table if layout.is_move(row)):
        one, into = row.get("example_id") or "", (row.get("into") or "").strip()
        if one not in classes or one in found:
            what = "is moved twice" if one in found else "is not among those that have a class"
            raise BadDataError(f"{file}: the part '{one}' {what}. Mend `example_id` of that row, or remove the row.")
        if into not in known:
            raise BadDataError(
                f"{file}: '{one}' can't be moved to '{into}'. Name one of these in `into`: {', '.join(known)}."
            )
        found[one] = Move(classes[one], known[into])
    return found


def joined(becomes: Mapping[str, str], rows: list[dict[str, str]]) -> list[str]:
    """A sentence for each name that several classes got without being merged, which makes them one."""
    merged = {row["class"] for row in rows if _action(row) in (MERGE, REJECT)}
    named: dict[str, list[str]] = {}
    for name, called in becomes.items():
        if name not in merged:
            named.setdefault(called, []).append(name)
    return [
        f"{' and '.join(names)} have the same name, '{called}': they are one class from now on. Give them different "
        "names if they are not the same."
        for called, names in named.items()
        if len(names) > 1
    ]


def require_whole(folder: ClassesFolder) -> None:
    """What a person reviewed is not made again without being asked, since that would forget the review.

    Raises:
        MissingInputError: a table or the model is missing.
    """
    gone = [path for path in inventory.fixed_of_classes(folder.path) if not path.exists()]
    if gone and (folder.path / AS_FOUND).is_dir() and notes.is_done(folder.path):
        raise MissingInputError(
            f"{inventory.files_are(len(gone))} missing in {folder.path}, whose classes were reviewed: {gone[0].name}. "
            "Put it back, or find the classes again: `adtool discover --force`, which keeps names and nothing else of "
            "the review."
        )


def decide(table: list[dict[str, str]], known: list[str], file: Path) -> dict[str, str]:
    """What each class found is called from now on.

    Raises:
        BadDataError: see `run`.
    """
    rows = {row.get("class", ""): row for row in table}
    missing, strange = [name for name in known if name not in rows], [name for name in rows if name not in known]
    if missing or strange or len(rows) != len(table):
        what = f"lacks {missing[0]}" if missing else f"names {strange[0]}" if strange else "names a class twice"
        raise BadDataError(f"{file} {what}; the classes are: {', '.join(known)}. Keep the column `class` as it is.")
    becomes = {name: _becomes(name, rows, file) for name in known}
    return becomes | {f"{name}{SECOND}": _second(name, rows, file) for name in known if _action(rows[name]) == SPLIT}


def _action(row: Mapping[str, str]) -> str:
    return (row.get("action") or "").strip().lower()


def _second(name: str, rows: dict[str, dict[str, str]], file: Path) -> str:
    """What the second half of a class is called: as the review says, else `c` and the first number that is free."""
    free = (f"c{number}" for number in count(1) if f"c{number}" not in rows)
    into = (rows[name].get("into") or "").strip() or next(free)
    return _becomes(into, rows, file) if into in rows and into != name else into


def _becomes(name: str, rows: dict[str, dict[str, str]], file: Path) -> str:
    seen = [name]
    while (action := _action(rows[name])) == MERGE:
        name = (rows[name].get("into") or "").strip()
        if name not in rows or name in seen:
            raise BadDataError(f"{file}: {seen[-1]} can't be merged into `{name}`. Name another class in `into`.")
        seen.append(name)
    if action not in ACTIONS:
        raise BadDataError(
            f"{file}: there is no action `{action}`. Use merge, split, reject or move, or leave it empty."
        )
    return layout.UNKNOWN_CLASS if action == REJECT else (rows[name].get("name") or "").strip() or name


def _keep_as_found(folder: ClassesFolder) -> ClassesFolder:
    """Keep the tables as they were found, once."""
    kept = folder.path / AS_FOUND
    for path in (folder.crops, folder.images, folder.classes):
        if not (kept / path.name).exists():
            kept.mkdir(exist_ok=True)
            files.copy(path, kept / path.name)
    return ClassesFolder(kept)
