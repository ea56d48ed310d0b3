"""What a step did, for the command line to show."""

from dataclasses import dataclass, field
from pathlib import Path

from adtool.core.errors import AdtoolError, GateError, PartialFailureError


class Exact(float):
    """A number that a person may type again: shown with all digits that say it."""


@dataclass
class Outcome:
    """What a step did, for the command line to show.

    `headline` is what a report says of the limit first, `unread` of pictures that could not be read; `text` is printed
    in place of the rows, and then all else is said on stderr.
    """

    command: str
    out: Path
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, AdtoolError] = field(default_factory=dict)
    headline: str = ""
    unread: list[str] = field(default_factory=list)
    text: str = ""
    notes: list[str] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=dict)  # what --json prints, where a step has its own
    beside: dict[str, object] = field(default_factory=dict)  # what --json prints besides
    gate: GateError | None = None  # what was asked for and not reached; raised after everything is shown

    def raise_failures(self) -> None:
        """Raise what went wrong: a gate, the error itself if nothing was written, else exit code 5."""
        if self.gate is not None:
            raise self.gate
        if not self.failed:
            return
        reasons: dict[str, list[str]] = {}
        for name, error in self.failed.items():
            reasons.setdefault(str(error), []).append(name)
        lines = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        if not self.done and not self.skipped:
            first = next(iter(self.failed.values()))
            if len(self.failed) == 1:
                raise first
            raise type(first)(lines)
        raise PartialFailureError(
            f"{len(self.failed)} of the categories failed, the rest is written. {lines}", self.failed
        )
