"""Cells of our tables: what a spreadsheet would take for a formula, what needs quotes, which character parts them.

A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is written with an apostrophe before it, since a
spreadsheet would compute it; reading takes the apostrophe away again. Numbers are written as they are.
"""

import re
from collections.abc import Iterable

BOX_COLUMNS = ("x", "y", "width", "height", "score", "area_px")  # of a table of boxes, after what they are in
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # with the apostrophes that a text may have of its own
ESCAPED = re.compile(r"'+[=+\-@\t\r]")
NEED_QUOTES = re.compile(r'[,"\r\n]')  # the csv module quotes \r from Python 3.13 on only
DELIMITERS = ";\t"  # of spreadsheets where the comma parts decimals


def written(value: object) -> str:
    """A cell as it stands in the file; floats with nine significant digits, which a float32 survives."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return format(value, ".9g") if isinstance(value, float) else str(value)
    text = str(value)
    if FORMULA.match(text) and not _is_number(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if NEED_QUOTES.search(text) else text


def line(cells: Iterable[object]) -> str:
    """A row as it stands in the file."""
    return ",".join(written(cell) for cell in cells) + "\n"


def plain(text: str) -> str:
    """What was meant by a cell that was read."""
    return text[1:] if ESCAPED.match(text) else text


def delimiter(header: str) -> str:
    """What parts the cells of a table: a comma, unless its first line has none of them."""
    return next((one for one in DELIMITERS if one in header and "," not in header), ",")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text
