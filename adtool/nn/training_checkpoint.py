"""What an interrupted training goes on from: the states of its parts, and the rows of its curves so far."""

import io
import logging
import pickle
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from adtool.core import files
from adtool.core.errors import BadDataError

FILE, CURVES = ".training.pt", "curves.csv"
SAVE_EVERY_S = 60.0
REASON = 100  # characters; torch names every tensor that does not fit

Row = dict[str, object]

log = logging.getLogger("adtool")


class TrainedPart(Protocol):
    """A network or an optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> object:
        """Take up a state."""


def write(folder: Path, parts: Mapping[str, TrainedPart], steps: int, rows: Sequence[Row]) -> None:
    """Store the state after `steps` steps; it appears whole or not at all."""
    stored = {name: part.state_dict() for name, part in parts.items()}
    data = io.BytesIO()
    torch.save({"parts": stored, "steps": steps, "rows": list(rows)}, data)
    files.write_bytes(folder / FILE, data.getvalue())


def read(
    folder: Path, parts: Mapping[str, TrainedPart], device: torch.device, *, may_lack: Collection[str] = ()
) -> tuple[int, list[Row]]:
    """Take up the stored state if there is one: the steps done, and the rows so far.

    Args:
        folder: where it is.
        parts: that take up their state.
        device: where they are.
        may_lack: parts that begin anew where their state was not stored.

    Raises:
        BadDataError: it is damaged, or of another network.
    """
    path = folder / FILE
    if not path.exists():
        return 0, []
    try:
        stored = torch.load(path, map_location=device, weights_only=True)
        for name, part in parts.items():
            if name in stored["parts"] or name not in may_lack:
                part.load_state_dict(stored["parts"][name])
        return int(stored["steps"]), list(stored["rows"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:REASON]
        raise BadDataError(f"{path} can't be read ({reason}). Remove it, and the training begins anew.") from None


class TrainingJournal:
    """The curve of a training in steps, and its stored state about once a minute; taken up again where there is one.

    Args:
        folder: of both.
        parts: what is trained.
        columns: of the curve, `step` first and `seconds` last.
        steps: of the whole training.
        device: where the parts are.

    Raises:
        BadDataError: the stored state is damaged.
    """

    def __init__(
        self, folder: Path, parts: Mapping[str, TrainedPart], columns: Sequence[str], steps: int, device: torch.device
    ) -> None:
        self._folder, self._parts, self._columns = folder, parts, columns
        self.begun, self._rows = read(folder, parts, device)
        self._spent = float(str(self._rows[-1]["seconds"])) if self._rows else 0.0
        self._started = self._saved = time.monotonic()
        if self.begun:
            log.info("Goes on after step %d of %d.", self.begun, steps)

    def row(self, steps: int, *values: float) -> None:
        """Add a row after so many steps: values of the columns between; stores the state if it is time."""
        now = time.monotonic()
        whole = (steps, *values, round(self._spent + now - self._started, 1))
        self._rows.append(dict(zip(self._columns, whole, strict=True)))
        if now - self._saved >= SAVE_EVERY_S:
            write(self._folder, self._parts, steps, self._rows)
            self._saved = now

    def close(self) -> None:
        """Write the curve."""
        files.write_csv(self._folder / CURVES, self._columns, self._rows)


def forget(folder: Path) -> None:
    """Remove the stored state; the curves stay."""
    (folder / FILE).unlink(missing_ok=True)
