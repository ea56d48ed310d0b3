"""One worker of `--workers N`: a process that runs a step as a shard, and says how far it is in lines of JSON.

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
from typing import Any, TextIO

from adtool.core import faults, progress
from adtool.core.config import parse
from adtool.core.errors import EXIT_BUG, EXIT_INTERRUPTED, AdtoolError

ADVANCED, SAID, LEVEL, FAILED, CODE, TRACE = "advanced", "said", "level", "failed", "code", "trace"  # keys of its lines
ORPHANED = 75  # exit code of one whose driver is gone

log = logging.getLogger("adtool")


class Speaker:
    """Writes lines for the driver; called from several threads."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def say(self, **parts: object) -> None:
        """One line."""
        with self._lock:
            self._out.write(json.dumps(parts) + "\n")
            self._out.flush()


class _Handler(logging.Handler):
    def __init__(self, speaker: Speaker) -> None:
        super().__init__()
        self._speaker = speaker

    def emit(self, record: logging.LogRecord) -> None:
        self._speaker.say(**{SAID: record.getMessage(), LEVEL: record.levelno})


class _Bar:
    """Tells the driver of items, if they are of the work that it counts."""

    def __init__(self, speaker: Speaker | None) -> None:
        self._speaker = speaker

    def advance(self, count: int) -> None:
        """So many more items are done."""
        if self._speaker is not None:
            self._speaker.say(**{ADVANCED: count})

    def close(self) -> None:
        """The work ended."""


def main() -> int:
    """Do what the first line of standard input says; the exit code."""
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_driver, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver as well, which ends this one
    speaker = Speaker(sys.stdout)
    sys.argv = ["adtool", *job["words"]]
    log.addHandler(_Handler(speaker))
    log.setLevel(job["level"])

    def show(label: str, total: int | None) -> progress.Bar:
        return _Bar(speaker if label.startswith(job["label"]) else None)

    try:
        with progress.shown_by(show):
            module = importlib.import_module(job["module"])
            config = parse(
                getattr(importlib.import_module(job["kind"][0]), job["kind"][1]), job["config"], where="worker"
            )
            outcome = module.run(config)
            outcome.raise_failures()
    except BaseException as error:  # noqa: BLE001, all of them are told to the driver
        return _tell(error, speaker)
    return 0


def _tell(error: BaseException, speaker: Speaker) -> int:
    known = error if isinstance(error, AdtoolError) else faults.of_machine(error)
    if known is not None:
        speaker.say(**{FAILED: str(known), CODE: known.exit_code})
        return known.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    speaker.say(**{FAILED: str(error), CODE: EXIT_BUG, TRACE: "".join(traceback.format_exception(error))})
    return EXIT_BUG


def _end_with_driver() -> None:
    while sys.stdin.read(1024):
        pass
    os._exit(ORPHANED)  # what is half written has a temporary name


if __name__ == "__main__":
    sys.exit(main())
