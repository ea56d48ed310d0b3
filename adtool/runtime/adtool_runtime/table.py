"""The table that the command writes: one line a file, whatever became of it."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from adtool_runtime import cells
from adtool_runtime.errors import AdtoolError, MissingInputError
from adtool_runtime.judging import Result

COLUMNS = ("file", "image_score", "decision", "class", "confidence", "boxes", "reason")
Said = Result | AdtoolError


def row(file: str, said: Said) -> dict[str, object]:
    """A file's line."""
    if isinstance(said, AdtoolError):
        return {"file": file, "reason": str(said)}
    boxes = [[one.x, one.y, one.width, one.height, round(one.score, 6)] for one in said.boxes]
    return {
        "file": file,
        "image_score": said.score,
        "decision": said.decision,
        "class": said.class_name,
        "confidence": said.confidence,
        "boxes": json.dumps(boxes),
        "reason": said.remark,
    }


def line(values: dict[str, object]) -> str:
    """It as it stands in the table."""
    return cells.line(values.get(column) for column in COLUMNS)


def write(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """Write the whole table; one that was there stays until it is whole.

    Raises:
        MissingInputError: it can't be written there.
    """
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(cells.line(COLUMNS) + "".join(map(line, rows)), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MissingInputError(f"{path} can't be written ({error.strerror}). Give another --csv.") from None
