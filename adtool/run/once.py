"""A warning that several steps of a chain have to give is given once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("adtool")


@contextmanager
def warned_once() -> Iterator[None]:
    """Within it, a warning in the same words as an earlier one is dropped."""
    seen: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno != logging.WARNING or text not in seen:
            seen.add(text)
            return True
        return False

    log.addFilter(is_new)
    try:
        yield
    finally:
        log.removeFilter(is_new)
