"""Storage elsewhere that needs no network: a file system in memory, told to break where a test wants it."""

from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

ROOT = "memory://pictures/parts"


@pytest.fixture
def memory():
    """`put(name, data)` and `remove(name)` below `url`; `system` is the file system."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]

    def put(name: str, data: bytes) -> None:
        system.pipe_file(f"{ROOT}/{name}", data)

    yield SimpleNamespace(
        url=ROOT, path=Path(ROOT), system=system, put=put, remove=lambda name: system.rm_file(f"{ROOT}/{name}")
    )
    system.store.clear()


@pytest.fixture
def fetches(memory, monkeypatch):
    """Names of the files that are fetched; `fails_at` breaks the connection at one of them."""
    kind, seen = type(memory.system), SimpleNamespace(names=[], fails_at="")
    real = kind.get_file

    def get_file(self, path, target, **options):
        if seen.fails_at and path.endswith(seen.fails_at):
            raise ConnectionResetError("the line is cut")
        seen.names.append(path.removeprefix("/pictures/parts/"))
        return real(self, path, target, **options)

    monkeypatch.setattr(kind, "get_file", get_file)
    return seen


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
