"""Writing files so that a kill never leaves one that reads as whole."""

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adtool.core.errors import BadDataError

HEAD_BYTES = 64 * 1024  # a file's fingerprint is its path, its size and its first 64 KiB
TEMPORARY = ".part"
_TEMPORARY_NAME = re.compile(rf"\..*{re.escape(TEMPORARY)}\d+(\..*)?", re.DOTALL)


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it into place.

    The temporary name keeps the suffix (encoders look at it) and starts with a dot, so that no reader
    of the folder takes it for data.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}{TEMPORARY}{os.getpid()}{path.suffix}")
    # A kill can leave a temporary file, and a container gives the same process number again. It may even be a hard
    # link to someone's image (link_or_copy), so it is removed, never written into.
    part.unlink(missing_ok=True)
    try:
        write(part)
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # the system does not say which file it had no room for
        raise


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that `write_with` fills; outside of a running write, a kill left it."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one go."""
    write_with(path, lambda part: _fill(part, data))


def _fill(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path` in one go."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, document: object) -> None:
    """Write a JSON document, indented, keys in the given order."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401, a JSON document can be anything
    """Read a JSON document; None if there is no such file or it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table; floats with nine significant digits, which a float32 survives."""

    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                writer.writerow([_cell(row.get(column, "")) for column in columns])

    write_with(path, write)


def _cell(value: object) -> object:
    if value is None:
        return ""
    return format(value, ".9g") if isinstance(value, float) else value


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table as a list of rows; all values are text, those missing at the end of a line are empty.

    Raises:
        BadDataError: not UTF-8, or not a table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file, restval=""))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} can't be read as a table ({error}). Save it as CSV, UTF-8, with commas.") from None


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source` to `target` where the file system allows it, else copy it."""

    def write(part: Path) -> None:
        try:
            part.hardlink_to(source.resolve())
        except OSError:
            shutil.copyfile(source, part)

    write_with(target, write)


def fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """Hash of the sorted (name, size, first 64 KiB) of some files; 16 hex digits."""
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(HEAD_BYTES))
    return digest.hexdigest()[:16]


def sha256(path: Path) -> str:
    """SHA-256 of a whole file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(path)


def _digest(path: Path) -> str:  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
