"""Whose fault an error is: adtool's own, or that of a plug-in that somebody else wrote."""

import traceback
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, TracebackType

from adtool.core import plugin_files
from adtool.core.errors import UsageError

OWN = ("adtool", "adtool_runtime")


def of_plugin(error: BaseException) -> UsageError | None:
    """What to say of an error that the code of a plug-in raised, or a library that it called; None for others."""
    if not isinstance(error, Exception):  # Ctrl-C
        return None
    for trace in reversed(_traces(error)):
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in OWN:
            return _lacking(error)
        if (name := _plugin(module)) is not None:
            code = trace.tb_frame.f_code
            where = f"{_shown(Path(code.co_filename))}, line {trace.tb_lineno}, in {code.co_name}"
            return UsageError(f"The plug-in '{name}' fails ({where}): {said(error)}.")
    return None


def _lacking(error: Exception) -> UsageError | None:
    """What adtool looked for in vain in a plug-in, or in an object of its classes."""
    if not isinstance(error, AttributeError):
        return None
    place = error.obj if isinstance(error.obj, ModuleType | type) else type(error.obj)
    name = _plugin(place.__module__ if isinstance(place, type) else place.__name__)
    if name is None:
        return None
    inside = f"{place.__name__}." if isinstance(place, type) else ""
    return UsageError(f"The plug-in '{name}' lacks `{inside}{error.name}`; `adtool list detectors --template` has all.")


def said(error: BaseException) -> str:
    """An error in one line: `ZeroDivisionError: division by zero`."""
    return next(iter(traceback.format_exception_only(error)[-1].splitlines()), "").rstrip(".")


def _traces(error: BaseException) -> list[TracebackType]:
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def _plugin(module: str) -> str | None:
    """The plug-in that a module belongs to."""
    if module.startswith(plugin_files.PREFIX):
        return module.removeprefix(plugin_files.PREFIX)
    for group in plugin_files.HAS:
        for point in entry_points(group=f"adtool.{group}"):
            if module == point.module or module.startswith(f"{point.module}."):
                return point.name
    return None


def _shown(path: Path) -> Path:
    """A file as a person named it who is in the same folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
