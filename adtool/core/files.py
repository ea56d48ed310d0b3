"""Writing files so that a kill never leaves one that reads as whole."""

import csv
import hashlib
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adtool.core import digests
from adtool.core.errors import BadDataError, MissingInputError
from adtool_runtime import cells

HEAD_BYTES = 64 * 1024  # what the first half of a fingerprint sees of a file
TEMPORARY = ".part"
LONGEST_NAME = 255  # bytes that file systems take
_TEMPORARY_NAME = re.compile(rf"\..*{re.escape(TEMPORARY)}\d+(\..*)?", re.DOTALL)
MAX_DEPTH = 64  # of a JSON document; ours have five
LARGEST = 1 << 63  # whole number in one
ABSENT = "it is not there"


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it into place.

    The temporary name keeps the suffix (encoders look at it) and starts with a dot, so that no reader
    of the folder takes it for data.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
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


def _part(path: Path) -> Path:
    """The temporary file of `path`; where its name would be too long, a number stands for the stem."""
    end = f"{TEMPORARY}{os.getpid()}{path.suffix}"
    stem = path.stem
    if len(os.fsencode(f".{stem}{end}")) > LONGEST_NAME:
        stem = f"{zlib.crc32(os.fsencode(stem)):08x}"
    return path.with_name(f".{stem}{end}")


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
    write_bytes(path, json_bytes(document))


def json_bytes(document: object) -> bytes:
    """A JSON document as it is written."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Bytes of a path that are no UTF-8 become \\udcXX, which is JSON for what Python reads them as.
    return text.encode("utf-8", "backslashreplace")


def read_json(path: Path) -> Any:  # noqa: ANN401, a JSON document can be anything
    """Read a JSON document; None if there is no such file or it is not JSON. `json_files.read` says what is wrong."""
    return parse_json(path)[0]


def parse_json(path: Path) -> tuple[Any, str]:
    """Read a JSON document: the document, and what is wrong with the file, empty if nothing."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, parse_constant=_refuse, parse_int=_whole, parse_float=_finite)
        _refuse_depth(document, MAX_DEPTH)
    except (FileNotFoundError, NotADirectoryError):
        return None, ABSENT
    except IsADirectoryError:
        return None, "it is a folder"
    except RecursionError:  # nested too deep for the parser
        return None, "nested too deep"
    except ValueError as error:  # not JSON, not UTF-8, or a number with too many digits
        return None, _reason(error)
    return document, ""


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no finite number")


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) > LARGEST:
        raise ValueError(f"a whole number of {len(text)} digits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse_depth(document: object, left: int) -> None:
    """What is nested deep can be read, but not written again."""
    if not left:
        raise ValueError("nested too deep")
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for one in inner:
        if isinstance(one, dict | list):
            _refuse_depth(one, left - 1)


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error}"
    if isinstance(error, UnicodeDecodeError):
        return "no UTF-8"
    return str(error).partition(";")[0]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table; how its cells are written is told in `cells`."""

    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            file.write(cells.line(columns))
            file.writelines(cells.line(row.get(column, "") for column in columns) for row in rows)

    write_with(path, write)


def read_csv(path: Path, *, by_hand: bool = False) -> list[dict[str, str]]:
    """Read a table as a list of rows; all values are text. One that a spreadsheet saved with semicolons is read, too.

    Args:
        path: of the table.
        by_hand: whether a person may have written it: cells that are missing at the end of a line are empty then.

    Raises:
        MissingInputError: there is none.
        BadDataError: not UTF-8, or not a table: a column twice, a row that is too short or too long.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(file)
        if lines and lines[0].startswith("sep="):  # Excel's way to say what parts the cells
            lines[0] = "\n"
        header = next((line for line in lines if line.strip()), "")
        reader = csv.reader(lines, strict=True, delimiter=cells.delimiter(header))
        return list(_rows(reader, path, by_hand=by_hand))
    except FileNotFoundError:
        raise MissingInputError(f"There is no table {path}.") from None
    except (UnicodeDecodeError, csv.Error, IsADirectoryError) as error:
        raise BadDataError(f"{path} can't be read as a table ({error}). Save it as CSV, UTF-8, with commas.") from None


def _rows(lines: Any, path: Path, *, by_hand: bool) -> Iterator[dict[str, str]]:  # noqa: ANN401, csv's reader has no public type
    columns: list[str] = next((row for row in lines if row), [])
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise BadDataError(f"{path} has the column '{twice[0]}' twice. Remove one of them.")
    for row in lines:
        if not row:
            continue
        lacks = len(columns) - len(row)
        if (lacks > 0 and not by_hand) or any(row[len(columns) :]):
            raise BadDataError(
                f"{path}, line {lines.line_num}: {len(row)} cells, but there are {len(columns)} columns. "
                "The table is damaged: mend that line, or write it again."
            )
        yield dict(zip(columns, map(cells.plain, row + [""] * max(lacks, 0)), strict=False))


def copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""

    def write(part: Path) -> None:
        shutil.copyfile(source, part)

    write_with(target, write)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source` to `target` where the file system allows it, else copy it."""

    def write(part: Path) -> None:
        try:
            part.hardlink_to(source.resolve())
        except OSError:
            shutil.copyfile(source, part)

    write_with(target, write)


def fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """Hash of the sorted (name, content) of some files: `<16 digits>-<32 digits>`.

    The first part sees each file's size and first 64 KiB, which is all that adtool's first fingerprints were; by it
    folders that hold one of those are known. The second part sees whole files. `identity.is_same` compares.
    """
    pairs = sorted(files)
    head, whole = hashlib.sha256(), hashlib.sha256()
    digests_of = digests.of_files(path for _, path in pairs)
    for name, path in pairs:
        head.update(f"{name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            head.update(file.read(HEAD_BYTES))
        whole.update(f"{name}\0{digests_of[path]}\0".encode("utf-8", "surrogateescape"))
    return f"{head.hexdigest()[:16]}-{whole.hexdigest()[:32]}"


def sha256(path: Path) -> str:
    """SHA-256 of a whole file, in hex."""
    return digests.of_file(path)
