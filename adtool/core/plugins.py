"""Plug-ins: a file is a plug-in, and its name is its name on the command line.

Packages that installed themselves under the entry-point group of the same name join in
(`adtool.detectors`, `adtool.prep.datasets`, ...), and so do single files that a person names (`plugin_files`).
"""

import ast
import difflib
import importlib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from adtool.core import plugin_files
from adtool.core.errors import UsageError

NAME = "NAME"  # in a plug-in: its name where it is not that of the file


def folder(group: str) -> Path:
    """Where the files of a group lie, for instance of `detectors`."""
    spec = importlib.util.find_spec(f"adtool.{group}")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"adtool.{group} is not a package")
    return Path(next(iter(spec.submodule_search_locations)))


def _foreign(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"adtool.{group}")}


def _files(group: str) -> dict[str, Path]:
    """Plug-ins that are files of their own.

    Raises:
        UsageError: one has the name of another plug-in.
    """
    found = plugin_files.files(group)
    for name in sorted(found.keys() & (_own(group) | set(_foreign(group)))):
        raise UsageError(f"{found[name]} has the name of a plug-in that is there already ('{name}'). Rename it.")
    return found


def require_free_names() -> None:
    """Refuse a file whose name is taken, whatever plug-in it is.

    Raises:
        UsageError: there is one, or one that is no plug-in.
    """
    for group in plugin_files.HAS:
        _files(group)


def names(group: str) -> list[str]:
    """Names of the plug-ins of a group, sorted, without importing any."""
    return sorted(_own(group) | set(_foreign(group)) | set(_files(group)))


def called(group: str, name: str) -> str:
    """What a plug-in calls itself, its `NAME`, where its file can't have that name; read without importing it."""
    files = _files(group)
    own = folder(group) / f"{name}.py" if name in _own(group) else files.get(name)
    tree = _tree(own or _source(_foreign(group)[name].module))
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == NAME for one in node.targets):
            return str(node.value.value) if isinstance(node.value, ast.Constant) else name
    return name


def about(group: str, name: str) -> str:
    """What a plug-in is, in one line: its docstring's first, read without importing it."""
    files = _files(group)
    if name in _own(group):
        return _first_line(folder(group) / f"{name}.py")
    if (path := files.get(name)) is not None:
        return f"{_first_line(path).rstrip('.') or name} (from the file {path})."
    point = _foreign(group)[name]
    said = _first_line(_source(point.module))
    origin = f"from the package {point.dist.name if point.dist else point.module}"
    return f"{said.rstrip('.')} ({origin})." if said else f"{origin.capitalize()}."


def _first_line(source: Path | None) -> str:
    """First line of a module's docstring, empty if there is none."""
    return next(iter((ast.get_docstring(_tree(source)) or "").splitlines()), "")


def _tree(source: Path | None) -> ast.Module:
    """A module's code, empty if it can't be read."""
    try:
        return ast.parse(source.read_bytes()) if source else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):  # said when it is used
        return ast.Module([], [])


def _source(module: str) -> Path | None:
    """The file of a module, found without importing it or a package above it."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not below:
        return Path(spec.origin) if spec.origin else None
    for place in spec.submodule_search_locations or ():
        base = Path(place).joinpath(*below)
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def _own(group: str) -> set[str]:
    return {path.stem for path in folder(group).glob("*.py") if not path.stem.startswith("_")}


def _loaded(point: EntryPoint) -> ModuleType:
    try:
        return point.load()
    except Exception as error:  # noqa: BLE001, it is someone else's code
        package = point.dist.name if point.dist else point.module
        raise UsageError(
            f"The plug-in '{point.name}' of the package {package} can't be loaded "
            f"({type(error).__name__}: {error}). Mend or uninstall it."
        ) from None


def load(group: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises:
        UsageError: there is none of that name, and close ones are suggested; or a file has the name of another.
    """
    files = _files(group)
    if name in _own(group):
        return importlib.import_module(f"adtool.{group}.{name}")
    if (path := files.get(name)) is not None:
        return plugin_files.load(path)
    foreign = _foreign(group)
    if name in foreign:
        return _loaded(foreign[name])
    known = names(group)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UsageError(
        f"There is no '{name}' among the {group.rsplit('.')[-1]}: {', '.join(known)}.{hint} One that is a file of its "
        f"own is named with {plugin_files.OPTION} FILE.py."
    )
