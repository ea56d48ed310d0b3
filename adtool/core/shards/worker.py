"""One worker: a process that does tasks of a step, and says in lines of JSON how far it is.

It ends when its standard input does, so that none outlives whoever started it, however that ended.
"""

import importlib
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from adtool.core import faults, plugin_faults, progress
from adtool.core.config import parse
from adtool.core.errors import EXIT_BUG, EXIT_INTERRUPTED, AdtoolError, PartialFailureError
from adtool.core.outcome import Outcome
from adtool.core.remote import inputs
from adtool.core.steps import locks
from adtool.core.steps.identity import as_noted

# Keys of what it says. A task ends with one of ENDED and FAILED; a bug has a TRACE as well.
ADVANCED, SAID, LEVEL, ENDED, FAILED, CODE, TRACE = "advanced", "said", "level", "ended", "failed", "code", "trace"
EACH = "each"  # of the categories that failed, by name: code and error
ORPHANED = 75  # exit code of one whose driver is gone

Speak = Callable[[Mapping[str, Any]], None]  # hands on what it says; called from several threads

log = logging.getLogger("adtool")


class _Handler(logging.Handler):
    def __init__(self, speak: Speak) -> None:
        super().__init__()
        self._speak = speak

    def emit(self, record: logging.LogRecord) -> None:
        self._speak({SAID: record.getMessage(), LEVEL: record.levelno})


class _Bar:
    """Tells the driver of items, if they are of the work that it counts."""

    def __init__(self, speak: Speak | None) -> None:
        self._speak = speak

    def advance(self, count: int) -> None:
        """So many more items are done."""
        if self._speak is not None:
            self._speak({ADVANCED: count})

    def close(self) -> None:
        """The work ended."""


@contextmanager
def telling(speak: Speak, level: int) -> Iterator[None]:
    """Within this context the driver is told what adtool's log says."""
    handler, before = _Handler(speak), log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def do(message: Mapping[str, Any], speak: Speak) -> int:
    """Do one task, and say how it ended; the exit code of a command that did it.

    Args:
        message: of `Job.message`.
        speak: takes what is said.
    """
    sys.argv = ["adtool", *message["words"]]
    counted = message["label"]

    def show(label: str, total: int | None) -> progress.Bar:
        return _Bar(speak if counted and label.startswith(counted) else None)

    try:
        with progress.shown_by(show), ExitStack() as context:
            context.enter_context(locks.breaking(allowed=message["breaks"]))
            if message["part"]:
                context.enter_context(locks.writing_a_part(Path(message["out"]), message["part"]))
            module = importlib.import_module(message["module"])
            kind = getattr(importlib.import_module(message["kind"][0]), message["kind"][1])
            config = inputs.fetched(parse(kind, message["config"], where="worker"), anew=False)
            outcome: Outcome = module.run(config, force=message["force"])
            outcome.raise_failures()
    except BaseException as error:  # noqa: BLE001, all of them are told to the driver
        return _tell(error, speak)
    told = {"done": outcome.done, "skipped": outcome.skipped, "rows": outcome.rows, "notes": outcome.notes}
    speak({ENDED: as_noted(told)})
    return 0


def _tell(error: BaseException, speak: Speak) -> int:
    known = error if isinstance(error, AdtoolError) else faults.of_machine(error) or plugin_faults.of_plugin(error)
    if known is not None:
        reasons = known.reasons if isinstance(known, PartialFailureError) else {}
        each = {name: [one.exit_code, str(one)] for name, one in reasons.items()}
        speak({FAILED: str(known), CODE: known.exit_code, EACH: each})
        return known.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    speak({FAILED: str(error), CODE: EXIT_BUG, TRACE: "".join(traceback.format_exception(error))})
    return EXIT_BUG


def main() -> int:
    """Do what the lines of standard input say, until one says nothing; the exit code."""
    messages: Queue[dict[str, Any] | None] = Queue()
    threading.Thread(target=_hear, args=(messages,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver as well, which ends this one
    turn = threading.Lock()

    def speak(parts: Mapping[str, Any]) -> None:
        with turn:
            sys.stdout.write(json.dumps(parts) + "\n")
            sys.stdout.flush()

    while (message := messages.get()) is not None:
        with telling(speak, message["level"]):
            code = do(message, speak)
        if code in (EXIT_BUG, EXIT_INTERRUPTED):
            return code
    return 0


def _hear(messages: "Queue[dict[str, Any] | None]") -> None:
    for line in sys.stdin:
        messages.put(json.loads(line))
    os._exit(ORPHANED)  # what is half written has a temporary name


if __name__ == "__main__":
    sys.exit(main())
