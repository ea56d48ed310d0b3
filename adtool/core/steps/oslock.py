"""A lock on a file, kept by the operating system: it ends with the process that holds it, however that ends."""

import errno
import os
import sys
from pathlib import Path

BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}  # another holds it


class OsLock:
    """A lock file that one process holds at a time; the file is removed with the lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False if another holds it.

        Raises:
            OSError: the file can't be written, or the file system has no locks.
        """
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                is_mine = _take(file)
            except BaseException:
                os.close(file)
                raise
            if is_mine and self._is_there(file):
                self._file = file
                return True
            os.close(file)
            if not is_mine:
                return False

    @property
    def is_held(self) -> bool:
        """Whether this process holds it."""
        return self._file is not None

    def _is_there(self, file: int) -> bool:
        """Whether the path is still this file: its last holder may have removed it between our two looks."""
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock up, and remove its file; nothing happens if it is not held."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if sys.platform != "win32":  # there, an open file can't be removed
                self._path.unlink(missing_ok=True)  # while it is held: after that it may be another's
        except OSError:
            return  # an empty hidden file stays
        finally:
            os.close(file)
        if sys.platform == "win32":
            self._remove()

    def _remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:  # another has opened it meanwhile, and will remove it
            return


if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        return True

else:
    import fcntl

    def _take(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        return True
