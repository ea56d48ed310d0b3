"""What an interrupted training goes on from: the states of its parts, and the rows of its curves so far."""

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from adtool.core import files
from adtool.core.errors import BadDataError

FILE, CURVES = ".training.pt", "curves.csv"
SAVE_EVERY_S = 60.0
REASON = 100  # characters; torch names every tensor that does not fit

Row = dict[str, object]


class Part(Protocol):
    """A network or an optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> object:
        """Take up a state."""


def write(folder: Path, parts: Mapping[str, Part], steps: int, rows: Sequence[Row]) -> None:
    """Store the state after `steps` steps; it appears whole or not at all."""
    stored = {name: part.state_dict() for name, part in parts.items()}
    data = io.BytesIO()
    torch.save({"parts": stored, "steps": steps, "rows": list(rows)}, data)
    files.write_bytes(folder / FILE, data.getvalue())


def read(folder: Path, parts: Mapping[str, Part], device: torch.device) -> tuple[int, list[Row]]:
    """Take up the stored state if there is one: the steps done, and the rows so far.

    Raises:
        BadDataError: it is damaged, or of another network.
    """
    path = folder / FILE
    if not path.exists():
        return 0, []
    try:
        stored = torch.load(path, map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(stored["parts"][name])
        return int(stored["steps"]), list(stored["rows"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:REASON]
        raise BadDataError(f"{path} can't be read ({reason}). Remove it, and the training begins anew.") from None


def forget(folder: Path) -> None:
    """Remove the stored state; the curves stay."""
    (folder / FILE).unlink(missing_ok=True)
