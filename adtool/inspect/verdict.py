"""What a batch job wants to know of inspected parts: each picture's line, and whether any part is NOK."""

from pathlib import Path

from adtool.core import layout, tables
from adtool.core.errors import GateError
from adtool.core.outcome import Outcome
from adtool.core.tables import TableForm
from adtool.core.words import first_few

FORM = TableForm(
    layout.INSPECT_COLUMNS[:-1],  # tables of earlier versions have no reason
    number=("image_score", "confidence"),
    name=("file",),
    maybe=("image_score", "confidence"),  # of a file that could not be read, and without classes
    key=("file",),
)
NUMBERS = ("image_score", "confidence")
SHOWN = 3  # files named in a message


def add(outcome: Outcome, table: Path, *, fail_on_nok: bool) -> None:
    """Put a line for each picture into what `--json` prints, and the gate into the outcome if it is asked for.

    Args:
        outcome: of the run.
        table: inspect.csv.
        fail_on_nok: whether a part that is NOK ends the command with the exit code of a gate.

    Raises:
        BadDataError: the table is damaged.
    """
    rows = tables.read(table, FORM, "Run `adtool inspect --force` to write it again.")
    outcome.document["pictures"] = [
        {name: (float(row[name]) if row[name] else None) if name in NUMBERS else row[name] for name in row}
        for row in rows
    ]
    rejected = [row["file"] for row in rows if row["decision"] == layout.NOT_OK]
    if fail_on_nok and rejected:
        parts = "1 part is" if len(rejected) == 1 else f"{len(rejected)} parts are"
        outcome.gate = GateError(f"{parts} NOK: {first_few(rejected, SHOWN)}.")
