"""A folder elsewhere, mirrored: each file is fetched once, and again only if it changed there.

Beside the files lies a list of what was fetched, to which each file is added when it is whole: an interrupted fetch
goes on where it was.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adtool.core import files, urls
from adtool.core.errors import MachineError
from adtool.core.progress import track
from adtool.core.remote.systems import RemoteFile, Storage
from adtool.core.steps import locks
from adtool.core.words import counted
from adtool_runtime import parallel

FETCHED = "fetched.jsonl"
AT_ONCE = 8  # files that are fetched side by side
SPARE_BYTES = 100 * 2**20  # that stay free on the disk
READ_ONLY = 0o444
MEGA = 1e6

log = logging.getLogger("adtool")


def mirrored(url: str) -> Path:
    """The files at a URL as they are there now, below a folder of the cache (or the file that it names).

    Raises:
        UsageError: what reads such a URL is not installed.
        MissingInputError: there is nothing, or it may not be read.
        MachineError: it can't be reached, or the disk has no room for it.
        LockedError: it is held by a process of another host.
    """
    if urls.scheme_of(url) in urls.LOCAL:
        return urls.local_path(url)
    storage, mirror = Storage(url), urls.mirror_of(url)
    there = storage.files()
    with locks.waiting(allowed=True), locks.writing(mirror):
        known = _fetched(mirror)
        missing = {name: one for name, one in there.items() if not _is_here(mirror, url, name, one, known)}
        gone = sorted(set(known) - set(there))
        if missing or gone or not (mirror / urls.WHOLE).exists():
            (mirror / urls.WHOLE).unlink(missing_ok=True)
            files.write_text(mirror / urls.URL_FILE, f"{url}\n")
            _require_room(mirror, url, sum(one.size for one in missing.values()))
            _remove(mirror, url, gone)
            _fetch(storage, mirror, missing)
            _note(mirror, there)
            files.write_text(mirror / urls.WHOLE, "")
    return urls.content_of(url)


def _place(url: str, name: str) -> Path:
    return urls.content_of(url) / name if name else urls.content_of(url)


def _is_here(mirror: Path, url: str, name: str, one: RemoteFile, known: Mapping[str, RemoteFile]) -> bool:
    """Whether a file was fetched as it is there now, and lies here whole."""
    if known.get(name) != one or not one.mark:
        return False
    with suppress(OSError):
        return _place(url, name).stat().st_size == one.size
    return False


def _require_room(mirror: Path, url: str, size: int) -> None:
    free = shutil.disk_usage(mirror).free
    if size + SPARE_BYTES > free:
        raise MachineError(
            f"{url} takes {size / MEGA:,.0f} MB more, and {free / MEGA:,.0f} MB are free at {urls.cache()}. Free some, "
            "or set $XDG_CACHE_HOME to a folder with room."
        )


def _fetch(storage: Storage, mirror: Path, missing: Mapping[str, RemoteFile]) -> None:
    if not missing:
        return
    size = sum(one.size for one in missing.values())
    log.info("Fetching %s (%.1f MB) of %s.", counted(len(missing), "file"), size / MEGA, storage.url)

    def fetch(name: str) -> None:
        def write(part: Path) -> None:
            storage.fetch(missing[name], part)
            part.chmod(READ_ONLY)

        files.write_with(_place(storage.url, name), write)

    with (mirror / FETCHED).open("a", encoding="utf-8") as noted:
        done = parallel.prefetch(sorted(missing), fetch, AT_ONCE, ahead=2 * AT_ONCE)
        for name, _ in track(done, f"fetch {storage.url}", len(missing)):
            noted.write(_line(name, missing[name]))
            noted.flush()


def _remove(mirror: Path, url: str, gone: Iterable[str]) -> None:
    """What is not there any more is not here any more."""
    for name in gone:
        _place(url, name).unlink(missing_ok=True)
        folder = _place(url, name).parent
        while folder.is_relative_to(urls.content_of(url)):
            with suppress(OSError):
                folder.rmdir()  # unless there is something in it
                folder = folder.parent
                continue
            break


def _note(mirror: Path, there: Mapping[str, RemoteFile]) -> None:
    files.write_text(mirror / FETCHED, "".join(_line(name, there[name]) for name in sorted(there)))


def _line(name: str, one: RemoteFile) -> str:
    return json.dumps({"name": name, **asdict(one)}) + "\n"


def _fetched(mirror: Path) -> dict[str, RemoteFile]:
    """What was fetched, by name; half a line, as a kill leaves it, says nothing."""
    found: dict[str, RemoteFile] = {}
    try:
        lines = (mirror / FETCHED).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            values: dict[str, Any] = json.loads(line)
            name = values.pop("name")
            found[name] = RemoteFile(**values)
    return found
