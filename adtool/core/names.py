"""Names that become paths: one check for all of them, whichever file they are from.

A category names one folder. An id, or a file that a table names, lies below a folder, with `/` between its parts.
"""

import os
from pathlib import PureWindowsPath

from adtool.core.errors import BadDataError

KEPT = "_kept"  # beside the categories of models: earlier ones, of other settings
ADDED = "_added"  # beside the categories of models: good parts that a person added to what is learned from


def category_problem(name: str) -> str:
    """Why a text can't be the name of a category, empty if it can."""
    if "/" in name or "\\" in name:
        return "a folder of that name would lie elsewhere"
    if name == KEPT:
        return "earlier models lie in a folder of that name"
    if name == ADDED:
        return "what is added to models lies in a folder of that name"
    return path_problem(name, portable=True)


def path_problem(text: str, *, portable: bool = False) -> str:
    """Why a text can't be a path below a folder, empty if it can.

    Args:
        text: a relative path with `/`.
        portable: refuse what only Windows takes for a path, too, wherever we run.
    """
    if "\0" in text:
        return "it holds a NUL"
    if text.startswith("/"):
        return "it is an absolute path"
    if any(part in ("", ".", "..") for part in text.split("/")):
        return "no part of it may be empty, . or .."
    if (portable or os.name == "nt") and ("\\" in text or PureWindowsPath(text).drive):
        return "it holds a backslash or a drive"
    return ""


def require_category(name: str) -> str:
    """The name of a category, looked at before it becomes a folder.

    Raises:
        BadDataError: it would not be a folder of its own in the right place.
    """
    if problem := category_problem(name):
        raise BadDataError(f"'{shown(name)}' can't be the name of a category: {problem}.")
    return name


def require_below(text: str) -> str:
    """A path below a folder, looked at before it is joined with it.

    Raises:
        BadDataError: it would leave the folder.
    """
    if problem := path_problem(text):
        raise BadDataError(f"'{shown(text)}' can't be an id or a file of ours: {problem}.")
    return text


def shown(text: str) -> str:
    """A text in a message: control characters by their numbers."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
