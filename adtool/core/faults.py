"""Faults of the machine, told from bugs: a full disk, no memory, no right to a file. Imports nothing that is large."""

import errno
from collections.abc import Iterator

from adtool.core.errors import MachineError

MACHINE_ERRNOS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EIO: "the disk failed",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.EFBIG: "the file is too large for the disk",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.EBADF: "the output is closed",
}
NO_MEMORY_ERRNOS = (errno.ENOMEM, errno.EAGAIN)  # the second: no process or thread more
# What the loader, Python, numpy, torch, OpenCV and OpenVINO say, in small letters.
OUT_OF_MEMORY = (
    "failed to map segment",
    "cannot allocate memory",
    "can't allocate memory",
    "failed to allocate",
    "unable to allocate",
    "insufficient memory",
    "bad_alloc",
    "out of memory",
    "can't start new thread",
    "resource temporarily unavailable",
)


def of_machine(error: BaseException) -> MachineError | None:
    """What to say of an error whose cause is the machine; None for others."""
    if any(_is_lack_of_memory(one) for one in _chain(error)):
        return MachineError(
            "The machine ran out of memory, or of what this process may take of it (`ulimit -v`). "
            "Use a smaller --batch-size or --image-size."
        )
    if isinstance(error, OSError) and error.errno in MACHINE_ERRNOS:
        where = f" at {error.filename}" if error.filename else ""
        return MachineError(
            f"{MACHINE_ERRNOS[error.errno].capitalize()}{where}. What was written is kept; the same command goes on."
        )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it: a library may say it in its own words."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _is_lack_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno in NO_MEMORY_ERRNOS:
        return True
    text = str(error).lower()
    return any(words in text for words in OUT_OF_MEMORY)
