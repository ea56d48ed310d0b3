"""Temporary folders that are removed at the end, and after a kill by whoever needs one of the same name next."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from adtool.core.steps.lock_notes import LOCK
from adtool.core.steps.oslock import OsLock

UNCLAIMED_S = 3600.0  # a scratch folder without a lock file is of a process that was killed while it made it


@contextmanager
def scratch(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder, removed at the end; those of the same name that killed processes left are removed first.

    Args:
        name: what it begins with.
        parent: where; by default the system's place for temporary files.
    """
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{name}-*"):
        if _is_abandoned(left):
            rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    lock = OsLock(folder / LOCK)
    try:
        with suppress(OSError):  # where there are none
            lock.acquire()
        yield folder
    finally:
        lock.release()
        rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        if not (folder / LOCK).exists():
            return time.time() - folder.stat().st_mtime > UNCLAIMED_S
        lock = OsLock(folder / LOCK)
        is_free = lock.acquire()
    except OSError:  # someone else's, or gone
        return False
    lock.release()
    return is_free
