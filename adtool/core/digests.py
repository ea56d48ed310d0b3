"""Hashes of whole files, remembered from run to run: a file that is unchanged is not read again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from adtool.core.file_memory import FileMemory

BLOCK_BYTES = 1 << 20
DIGESTS = FileMemory("digests", "digest")


def of_files(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of whole files, in hex; those that are known and unchanged are not read.

    Raises:
        OSError: one can't be read.
    """
    return DIGESTS.recalled(paths, lambda new: {path: of_file(path) for path in new})


def of_file(path: Path) -> str:
    """SHA-256 of a whole file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
