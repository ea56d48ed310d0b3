"""The table that the command writes: one line a file, whatever became of it."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from adtool_runtime import cells
from adtool_runtime.cells import BOX_COLUMNS
from adtool_runtime.errors import AdtoolError, MissingInputError
from adtool_runtime.judging import Result

COLUMNS = ("file", "image_score", "decision", "class", "confidence", "boxes", "reason")
BOXES_COLUMNS = ("file", *BOX_COLUMNS)
Said = Result | AdtoolError


def row(file: str, said: Said) -> dict[str, object]:
    """A file's line."""
    if isinstance(said, AdtoolError):
        return {"file": file, "reason": str(said)}
    return {
        "file": file,
        "image_score": said.score,
        "decision": said.decision,
        "class": said.class_name,
        "confidence": said.confidence,
        "boxes": [one.as_dict() for one in said.boxes],
        "reason": said.remark,
    }


def line(values: dict[str, Any]) -> str:
    """It as it stands in the table, each box as [x, y, width, height, score]."""
    found = values.get("boxes")
    if found is not None:
        boxes = [[*(one[name] for name in ("x", "y", "width", "height")), round(one["score"], 6)] for one in found]
        values = {**values, "boxes": json.dumps(boxes)}
    return cells.line(values.get(column) for column in COLUMNS)


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the whole table; one that was there stays until it is whole.

    Raises:
        MissingInputError: it can't be written there.
    """
    write_text(path, cells.line(COLUMNS) + "".join(map(line, rows)), "--csv")


def write_boxes(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the table of all boxes, one line each.

    Raises:
        MissingInputError: it can't be written there.
    """
    lines = [{"file": row["file"], **box} for row in rows for box in row.get("boxes", ())]
    text = "".join(cells.line(one[column] for column in BOXES_COLUMNS) for one in lines)
    write_text(path, cells.line(BOXES_COLUMNS) + text, "--overlays")


def write_text(path: Path, text: str, option: str) -> None:
    """Write a file that an option asks for; one that was there stays until it is whole.

    Raises:
        MissingInputError: it can't be written there.
    """
    write_bytes(path, text.encode(), option)


def write_bytes(path: Path, data: bytes, option: str) -> None:
    """The same for bytes."""
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # where a folder should be is a file
            part.unlink()
        raise MissingInputError(f"{path} can't be written ({error.strerror}). Give another {option}.") from None
