"""What a person or a program sees: results on stdout, everything else on stderr."""

import json
import logging
import math
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from adtool.cli.bars import LogBar, TerminalBar
from adtool.core import faults, plugin_faults, progress
from adtool.core.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    AdtoolError,
    LockedError,
    TerminatedError,
)
from adtool.core.outcome import Exact
from adtool.core.steps import locks
from adtool.core.steps.step_run import Outcome

SILENCE_S = 0.3  # before a word is said; with the start of Python, less than a second
LONGEST_WORD = 30  # letters; what is longer is a path or an address
GAP = " | "  # between two columns
WIDE = 10_000  # columns; more than any table has
log = logging.getLogger("adtool")


class _Lines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.has_spoken = False

    def emit(self, record: logging.LogRecord) -> None:
        self.has_spoken = True
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        self.console.print(mark + record.getMessage(), markup=False, highlight=False, soft_wrap=True)


def _console(**more: Any) -> Console:  # noqa: ANN401, rich's own options
    """Where names are shown as they are: `maps:gear:aupro` holds no picture of a gear."""
    return Console(emoji=False, **more)


@contextmanager
def session(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """One command: logging, progress, signals, and an exit code for every way it can end."""
    console = _console(stderr=True)
    handler = _Lines(console)
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)

    def show(label: str, total: int | None) -> progress.Bar:
        if quiet:
            return LogBar(label, total)  # its lines are below the level shown
        # A bar inside a bar (two live displays) is not possible: the inner one falls back to lines.
        return (
            TerminalBar(console, label, total) if console.is_terminal and not _live(console) else LogBar(label, total)
        )

    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        with progress.shown_by(show):
            yield
    except BaseException as error:
        code = _explain(error, console, verbose=verbose)
        if code is None:
            raise
        raise typer.Exit(code) from None
    finally:
        signal.signal(signal.SIGTERM, previous)
        log.removeHandler(handler)


@contextmanager
def starting(command: str) -> Iterator[None]:
    """Say that something happens if nothing else is said soon: loading what a step needs takes seconds."""

    def say() -> None:
        if not any(isinstance(one, _Lines) and one.has_spoken for one in log.handlers):
            log.info("adtool %s ...", command)

    timer = threading.Timer(0 if sys.stderr.isatty() else SILENCE_S, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _live(console: Console) -> bool:
    return bool(getattr(console, "_live_stack", None) or getattr(console, "_live", None))


def _terminated(number: int, frame: FrameType | None) -> None:
    raise TerminatedError


def _explain(error: BaseException, console: Console, *, verbose: bool) -> int | None:
    """Say what went wrong; returns the exit code, None for what typer handles itself."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if isinstance(error, typer.Exit | typer.Abort | SystemExit):
        return None
    if isinstance(error, KeyboardInterrupt):
        say("Interrupted. What was written is kept; the same command goes on.")
        return EXIT_INTERRUPTED
    if isinstance(error, TerminatedError):
        say("Terminated. What was written is kept; the same command goes on.")
        return EXIT_TERMINATED
    known = error if isinstance(error, AdtoolError) else faults.of_machine(error)
    theirs = plugin_faults.of_plugin(error) if known is None else None
    gone = locks.vanished(error) if known is None and theirs is None else None
    if verbose:
        say("".join(traceback.format_exception(error)))
    if known is not None:
        say(f"error: {known}")
        return known.exit_code
    text = " ".join(sys.argv) + "\n" + "".join(traceback.format_exception(error))
    if gone is not None:
        said = f"error: {gone}"
        if not isinstance(gone, LockedError):  # nobody is known to have done it, so it may be a bug after all
            said += f" If nobody did that, report it: {_kept(text)}"
        say(said)
        return gone.exit_code
    if theirs is not None:
        say(f"error: {theirs} {_kept(text)}")
        return theirs.exit_code
    first_line = next(iter(str(error).splitlines()), "")
    say(f"error: a bug in adtool ({type(error).__name__}: {first_line}). {_kept(text)} Please report it.")
    return EXIT_BUG


def _kept(text: str) -> str:
    """Write a traceback to a log and say where; where even that fails, it is said itself."""
    try:
        handle, name = tempfile.mkstemp(prefix="adtool-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return f"There is no place for a log:\n{text}"
    return f"The traceback is in {name}."


def result(value: object, *, as_json: bool) -> None:
    """Print a command's result on stdout: a table for a person, one JSON document with --json.

    An Outcome with failures raises them after it was shown.
    """
    if value is None:
        return
    document: Any = (
        value.as_json() if hasattr(value, "as_json") else _outcome(value) if isinstance(value, Outcome) else value
    )
    if as_json:
        sys.stdout.write(_json(_finite(document)) + "\n")
    elif isinstance(value, Outcome):
        _print_outcome(value)
    elif isinstance(value, str):
        sys.stdout.write(value + "\n")
    sys.stdout.flush()  # a full disk or a closed pipe shows here, where it is explained
    if isinstance(value, Outcome):
        value.raise_failures()


def _print_outcome(value: Outcome) -> None:
    if value.text:
        sys.stdout.write(value.text)
        for note in value.notes:
            log.info("%s", note)
        return
    if value.rows:
        print_table(value.rows)
    for note in value.notes:
        sys.stdout.write(note + "\n")


def _json(document: object) -> str:
    """A JSON document, whose letters are escaped where stdout can't show all of them."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, indent=2, default=str)
    return text


def _finite(value: Any) -> Any:  # noqa: ANN401, any JSON value
    """The value without NaN and infinities, which JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _outcome(value: Outcome) -> dict[str, object]:
    if value.document:
        return {**value.document, **value.beside}
    return {
        "command": value.command,
        "out": value.out.as_posix(),
        "done": value.done,
        "skipped": value.skipped,
        "failed": {name: str(error) for name, error in value.failed.items()},
        "rows": value.rows,
        "notes": value.notes,
        **value.beside,
    }


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows as a table; the keys are the columns.

    On a terminal that is too narrow for all columns they are shown some at a time, below each other and each time with
    the first column, so that no name and no number is broken.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    console = _console()
    if not console.is_terminal:  # a pipe has no width: let the table be as wide as it is
        table = _table(columns, rows)
        console = _console(width=_console(width=WIDE).measure(table).maximum)
        console.print(table, markup=False, highlight=False)
        return
    for part in _parts(columns, rows, console.width):
        console.print(_table(part, rows), markup=False, highlight=False)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        numeric = all(isinstance(row.get(column, 0), int | float) for row in rows)
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold", min_width=_least(column, rows)
        )
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    return table


def _least(column: str, rows: Sequence[Mapping[str, object]]) -> int:
    """Columns that the longest word needs; a path or the like, which is longer than any word, may be broken."""
    words = [word for text in (column, *(_cell(row.get(column, "")) for row in rows)) for word in text.split()]
    return max((cell_len(word) for word in words if cell_len(word) <= LONGEST_WORD), default=1)


def _parts(columns: Sequence[str], rows: Sequence[Mapping[str, object]], width: int) -> list[list[str]]:
    """The columns in as few tables as fit, each with the columns that name the row."""
    numeric = [all(isinstance(row.get(column, 0), int | float) for row in rows) for column in columns]
    named = list(columns[: numeric.index(True)]) if True in numeric else list(columns[:1])
    taken = sum(_least(column, rows) + len(GAP) for column in named)
    found: list[list[str]] = [[]]
    used = taken
    for column in columns[len(named) :]:
        needed = _least(column, rows) + len(GAP)
        if found[-1] and used + needed - len(GAP) > width:
            found.append([])
            used = taken
        found[-1].append(column)
        used += needed
    return [[*named, *some] for some in found]


def _cell(value: object) -> str:
    if isinstance(value, Exact):
        return float.__repr__(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Path):
        return value.as_posix()
    return "" if value is None else str(value)
