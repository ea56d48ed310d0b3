"""Plug-ins in one file each, named by a person: `--plugin FILE.py`, or the variable ADTOOL_PLUGINS.

Only these two name files whose code is run. What came with data (adtool.toml, model.json, _step.json) names plug-ins at
most, and loads none.
"""

import ast
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from adtool.core.errors import UsageError

VARIABLE, OPTION = "ADTOOL_PLUGINS", "--plugin"
PREFIX = "adtool_plugin_"  # of the modules' names
# What a file of each group has, by which it is told what it is.
HAS = {
    "detectors": ({"needs", "fit", "load"}, {"needs", "compare"}),
    "report.metrics": ({"LEVEL", "compute"},),
    "prep.datasets": ({"Config", "run"},),
    "convert.formats": ({"SUFFIXES", "write"}, {"SUFFIXES", "read"}),
}


def are_named() -> bool:
    """Whether a person named any."""
    return bool(os.environ.get(VARIABLE))


def files(group: str) -> dict[str, Path]:
    """The files of a group by the names of their plug-ins.

    Raises:
        UsageError: a file is not there, is no Python, or is no plug-in of any group; or two have the same name.
    """
    found: dict[str, Path] = {}
    for path in map(Path, filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))):
        if _group(path) != group:
            continue
        if found.setdefault(path.stem, path) != path:
            raise UsageError(f"Two plug-ins are called '{path.stem}': {found[path.stem]} and {path}. Rename one.")
    return found


def _group(path: Path) -> str:
    """What a file is, read without running it."""
    names = _names(path)
    for group, kinds in HAS.items():
        if any(kind <= names for kind in kinds):
            return group
    raise UsageError(
        f"{path} ({OPTION}) is no plug-in: a detector has `needs`, `fit` and `load` (or `compare`), a metric `LEVEL` "
        "and `compute`, a data set `Config` and `run`, a format `SUFFIXES` and `write` or `read`. "
        "`adtool list detectors --template` prints one."
    )


def _names(path: Path) -> set[str]:
    """The names that a file defines, or imports, at its top."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UsageError(f"There is no file {path} ({OPTION}, {VARIABLE}).") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{path} ({OPTION}) can't be read as Python ({error}).") from None
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for each in targets for one in ast.walk(each) if isinstance(one, ast.Name)}
    return found


def load(path: Path) -> ModuleType:
    """Run a file, once in a process.

    Raises:
        UsageError: it fails.
    """
    name = f"{PREFIX}{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} ({OPTION}) is no Python file: its name ends with .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks its classes up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001, it is someone else's code
        del sys.modules[name]
        lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == module.__file__]
        where = f" in line {lines[-1]}" if lines else ""
        raise UsageError(
            f"The plug-in {path} fails when it is loaded{where} ({type(error).__name__}: {error})."
        ) from None
    return module


def taken(words: Sequence[str]) -> tuple[list[str], list[Path]]:
    """What was typed without the files of `--plugin`, wherever it stands, and these files."""
    rest: list[str] = []
    found: list[Path] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            return [*rest, word, *waiting], found
        option, equals, value = word.partition("=")
        if option != OPTION:
            rest.append(word)
            continue
        value = value if equals else next(waiting, "")
        if not value:
            raise UsageError(f"{OPTION} takes the file of a plug-in: {OPTION} mine.py.")
        found.append(Path(value).resolve())
    return rest, found


@contextmanager
def named(paths: Sequence[Path]) -> Iterator[None]:
    """Within this context, and in processes that it starts, these files are plug-ins, too."""
    before = os.environ.get(VARIABLE)
    if paths:
        os.environ[VARIABLE] = os.pathsep.join([*filter(None, [before]), *map(str, paths)])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
