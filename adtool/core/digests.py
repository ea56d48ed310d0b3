"""Hashes of whole files, remembered from run to run.

A file counts as the one that was hashed before while its place, size, inode, and both of its times are the same. Of
these the time of the last change of state can't be set by anybody, so an edit that keeps size and modification time is
noticed, too. A file that changed a moment ago is not remembered: a second edit might fall into the same tick of the
clock. The memory is a database in the user's cache folder; one that can't be read or written is done without.
"""

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

VERSION = 1  # of the table
MOST_FILES = 2_000_000  # remembered; about 300 MB
AT_ONCE = 500  # files asked for in one query
SETTLED_NS = 2_000_000_000  # age of a change after which the clock has surely moved on; FAT counts two seconds
WAIT_S = 1.0  # for another process that writes the memory
BLOCK_BYTES = 1 << 20

log = logging.getLogger("adtool")

State = tuple[int, int, int, int]  # size, inode, times of the last change of content and of state, in ns


def of_files(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of whole files, in hex; those that are known and unchanged are not read.

    Raises:
        OSError: one can't be read.
    """
    states = {path: _state(path) for path in paths}
    memory = memory_file()
    known = _remembered(memory, states)
    found, learned = {}, {}
    for path, state in states.items():
        if path in known:
            found[path] = known[path]
            continue
        now = time.time_ns()
        found[path] = of_file(path)
        if _state(path) == state and max(state[2], state[3]) < now - SETTLED_NS:
            learned[path] = found[path]
    if learned:
        _remember(memory, {path: (states[path], digest) for path, digest in learned.items()})
    return found


def of_file(path: Path) -> str:
    """SHA-256 of a whole file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def memory_file() -> Path | None:
    """Where the hashes are remembered: in the user's cache folder; None for a user who has none."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:  # no home
        return None
    return folder / "adtool" / f"digests-{VERSION}.sqlite"


def _state(path: Path) -> State:
    stat = path.stat()
    return stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


def _remembered(memory: Path | None, states: Mapping[Path, State]) -> dict[Path, str]:
    """What is known of files in the state they are in."""
    if memory is None or not memory.is_file():
        return {}
    names = {_key(path): path for path in states}
    found: dict[Path, str] = {}
    try:
        with closing(_connect(memory)) as base:
            for some in _batches(list(names)):
                marks = ",".join("?" * len(some))
                rows = base.execute(f"SELECT path, state, digest FROM digests WHERE path IN ({marks})", some)
                found |= {names[key]: digest for key, state, digest in rows if state == _text(states[names[key]])}
    except (sqlite3.Error, OSError) as error:
        log.debug("%s can't be read (%s); files are hashed again.", memory, error)
        return {}
    return found


def _remember(memory: Path | None, learned: Mapping[Path, tuple[State, str]]) -> None:
    if memory is None:
        return
    rows = [(_key(path), _text(state), digest) for path, (state, digest) in learned.items()]
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connect(memory)) as base, base:
            base.execute("CREATE TABLE IF NOT EXISTS digests (path BLOB PRIMARY KEY, state TEXT, digest TEXT)")
            base.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", rows)
            # A row that is replaced gets a new number, so the lowest are the longest unchanged or gone.
            base.execute("DELETE FROM digests WHERE rowid <= (SELECT max(rowid) FROM digests) - ?", (MOST_FILES,))
    except (sqlite3.Error, OSError) as error:
        log.debug("%s can't be written (%s); files will be hashed again.", memory, error)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            _forget(memory)


def _forget(memory: Path) -> None:
    """Remove a damaged memory, so that the next run begins a new one."""
    with suppress(OSError):
        memory.unlink()


def _connect(memory: Path) -> sqlite3.Connection:
    return sqlite3.connect(memory, timeout=WAIT_S)


def _key(path: Path) -> bytes:
    """A file's place as bytes, since a name need not be text."""
    return os.fsencode(path.absolute())


def _text(state: State) -> str:
    return ":".join(map(str, state))


def _batches(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while some := list(islice(rest, AT_ONCE)):
        yield some
