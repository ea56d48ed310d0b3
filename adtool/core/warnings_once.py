"""A warning that several steps of a chain, or several processes, have to give is given once."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("adtool")


@contextmanager
def warned_once() -> Iterator[None]:
    """Within it, a warning in the same words as an earlier one is dropped, also where that one named a category."""
    seen: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno != logging.WARNING or text not in seen:
            seen.update((text, text.partition(": ")[2]))
            return True
        return False

    with _filtered(is_new):
        yield


@contextmanager
def unnamed(folder: Path) -> Iterator[None]:
    """Within it, warnings that name files below a folder are dropped: they are nobody's, and are said of the source."""
    with _filtered(lambda record: record.levelno != logging.WARNING or f"{folder}{os.sep}" not in record.getMessage()):
        yield


@contextmanager
def _filtered(is_said: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    log.addFilter(is_said)
    try:
        yield
    finally:
        log.removeFilter(is_said)
