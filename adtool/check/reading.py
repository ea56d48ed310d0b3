"""Reading many files at once: decoding takes the time, and it runs beside Python."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from adtool.core.progress import track

MOST_THREADS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(look: Callable[[Item], Result], items: Sequence[Item], label: str) -> Iterator[Result]:
    """The result of every item, in their order; shown as progress."""
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        yield from track(pool.map(look, items), label, len(items))
    finally:
        pool.shutdown(cancel_futures=True)
