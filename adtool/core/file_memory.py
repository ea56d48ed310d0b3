"""What was once found in a file, remembered from run to run.

A file counts as the one that was looked at before while its place, size, inode, and both of its times are the same. Of
these the time of the last change of state can't be set by anybody, so an edit that keeps size and modification time is
noticed, too. A file that changed a moment ago is not remembered: a second edit might fall into the same tick of the
clock. A memory is a database in the user's cache folder; one that can't be read or written is done without.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

MOST_FILES = 2_000_000  # remembered; about 300 MB
AT_ONCE = 500  # files asked for in one query
SETTLED_NS = 2_000_000_000  # age of a change after which the clock has surely moved on; FAT counts two seconds
WAIT_S = 1.0  # for another process that writes the memory

log = logging.getLogger("adtool")

State = tuple[int, int, int, int]  # size, inode, times of the last change of content and of state, in ns


@dataclass(frozen=True)
class FileMemory:
    """What is remembered of files.

    Attributes:
        name: of the database and its table.
        column: what is found in a file.
        version: of what it means; another one begins anew.
    """

    name: str
    column: str
    version: int = 1

    def file(self) -> Path | None:
        """Where it lies: in the user's cache folder; None for a user who has none."""
        base = os.environ.get("XDG_CACHE_HOME")
        try:
            folder = Path(base) if base else Path.home() / ".cache"
        except RuntimeError:  # no home
            return None
        return folder / "adtool" / f"{self.name}-{self.version}.sqlite"

    def recalled(self, paths: Iterable[Path], find: Callable[[Sequence[Path]], Mapping[Path, str]]) -> dict[Path, str]:
        """What is in some files; those that are known and unchanged are not read.

        Args:
            paths: the files.
            find: what is in those that are not known; files that it leaves out are left out and not remembered.

        Raises:
            OSError: there is no such file.
        """
        states = {path: _state(path) for path in paths}
        known = self._remembered(states)
        now = time.time_ns()
        found = find([path for path in states if path not in known])
        settled = {path: text for path, text in found.items() if max(states[path][2:]) < now - SETTLED_NS}
        learned = {path: (states[path], text) for path, text in settled.items() if _state(path) == states[path]}
        if learned:
            self._remember(learned)
        return {
            path: known[path] if path in known else found[path] for path in states if path in known or path in found
        }

    def _remembered(self, states: Mapping[Path, State]) -> dict[Path, str]:
        """What is known of files in the state they are in."""
        memory = self.file()
        if memory is None or not memory.is_file():
            return {}
        names = {_key(path): path for path in states}
        found: dict[Path, str] = {}
        try:
            with closing(_connect(memory)) as base:
                for some in _batches(list(names)):
                    marks = ",".join("?" * len(some))
                    query = f"SELECT path, state, {self.column} FROM {self.name} WHERE path IN ({marks})"
                    rows = base.execute(query, some)
                    found |= {names[key]: text for key, state, text in rows if state == _text(states[names[key]])}
        except (sqlite3.Error, OSError) as error:
            log.debug("%s can't be read (%s); files are read again.", memory, error)
            return {}
        return found

    def _remember(self, learned: Mapping[Path, tuple[State, str]]) -> None:
        memory = self.file()
        if memory is None:
            return
        rows = [(_key(path), _text(state), text) for path, (state, text) in learned.items()]
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(memory)) as base, base:
                base.execute(
                    f"CREATE TABLE IF NOT EXISTS {self.name} (path BLOB PRIMARY KEY, state TEXT, {self.column} TEXT)"
                )
                base.executemany(f"INSERT OR REPLACE INTO {self.name} VALUES (?, ?, ?)", rows)
                # A row that is replaced gets a new number, so the lowest are the longest unchanged or gone.
                base.execute(
                    f"DELETE FROM {self.name} WHERE rowid <= (SELECT max(rowid) FROM {self.name}) - ?", (MOST_FILES,)
                )
        except (sqlite3.Error, OSError) as error:
            log.debug("%s can't be written (%s); files will be read again.", memory, error)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                _forget(memory)


def _state(path: Path) -> State:
    stat = path.stat()
    return stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


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
