"""Tables of ours, read with a look at every cell that is used: what is of another kind is said, with its row."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import files, names
from adtool.core.errors import BadDataError

Row = dict[str, str]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < MAX_DIGITS


def _is_below(text: str) -> bool:
    return not names.path_problem(text)


MAX_DIGITS = 19  # of a whole number
KINDS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "number": (_is_number, "is no finite number"),
    "whole": (_is_whole, "is no whole number"),
    "name": (bool, "may not be empty"),
    "path": (_is_below, "is no path below the folder"),
}


@dataclass(frozen=True)
class TableForm:
    """What a table must look like.

    Attributes:
        columns: that must be there.
        number: columns of finite numbers.
        whole: columns of whole numbers.
        name: columns of texts that are not empty.
        path: columns of ids and files, which become paths.
        maybe: columns whose cells may be empty all the same.
        choices: what the cells of a column may say.
        key: columns that no two rows share.
    """

    columns: Sequence[str]
    number: Sequence[str] = ()
    whole: Sequence[str] = ()
    name: Sequence[str] = ()
    path: Sequence[str] = ()
    maybe: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    key: Sequence[str] = ()


def read(path: Path, form: TableForm, remedy: str, *, by_hand: bool = False) -> list[Row]:
    """The rows of a table.

    Args:
        path: of the table.
        form: what it must look like.
        remedy: what to do if it does not, as a sentence.
        by_hand: see `files.read_csv`.

    Raises:
        MissingInputError: there is no table.
        BadDataError: it is damaged.
    """
    rows = files.read_csv(path, by_hand=by_hand)
    missing = [name for name in form.columns if rows and name not in rows[0]]
    if missing:
        raise BadDataError(
            f"{path} lacks columns: {', '.join(sorted(missing))}. It needs {','.join(form.columns)}. {remedy}"
        )
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        _check(row, form, f"{path}, {_called(row, form)}", remedy)
        key = tuple(row[column] for column in form.key)
        if key and key in seen:
            raise BadDataError(f"{path} lists {_called(row, form)} twice. {remedy}")
        seen.add(key)
    return rows


def _check(row: Row, form: TableForm, where: str, remedy: str) -> None:
    for kind, columns in _columns(form):
        fits, complaint = KINDS[kind]
        for column in columns:
            if not fits(row[column]) and (row[column] or column not in form.maybe):
                raise BadDataError(f"{where}: the {column} '{names.shown(row[column])}' {complaint}. {remedy}")
    for column, allowed in form.choices.items():
        if row[column] not in allowed:
            raise BadDataError(f"{where}: the {column} '{row[column]}' is none of {_listed(allowed)}. {remedy}")


def _columns(form: TableForm) -> Iterable[tuple[str, Sequence[str]]]:
    return ("name", form.name), ("path", form.path), ("number", form.number), ("whole", form.whole)


def _called(row: Row, form: TableForm) -> str:
    return " ".join(f"{column} '{row[column]}'" for column in form.key or form.columns[:1])


def _listed(allowed: Iterable[str]) -> str:
    return ", ".join(one for one in allowed if one)
