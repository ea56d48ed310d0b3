"""Plug-ins: a file is a plug-in, and its name is its name on the command line.

Packages that installed themselves under the entry-point group of the same name join in
(`adtool.detectors`, `adtool.prep.datasets`, ...).
"""

import difflib
import importlib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from adtool.core.errors import UsageError


def folder(group: str) -> Path:
    """Where the files of a group lie, for instance of `detectors`."""
    spec = importlib.util.find_spec(f"adtool.{group}")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"adtool.{group} is not a package")
    return Path(next(iter(spec.submodule_search_locations)))


def _foreign(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"adtool.{group}")}


def names(group: str) -> list[str]:
    """Names of the plug-ins of a group, sorted, without importing any."""
    own = {path.stem for path in folder(group).glob("*.py") if not path.stem.startswith("_")}
    return sorted(own | set(_foreign(group)))


def load(group: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises:
        UsageError: there is none of that name; close names are suggested.
    """
    if (folder(group) / f"{name}.py").exists() and not name.startswith("_"):
        return importlib.import_module(f"adtool.{group}.{name}")
    foreign = _foreign(group)
    if name in foreign:
        return foreign[name].load()
    known = names(group)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UsageError(f"There is no '{name}' among the {group.rsplit('.')[-1]}: {', '.join(known)}.{hint}")
