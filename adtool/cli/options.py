"""Command-line options made from a step's settings, so that none can be lost on the way."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types
import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from adtool.cli import show
from adtool.core import plugin_files
from adtool.core.config import READS, Config, parse
from adtool.core.errors import UsageError
from adtool.core.remote import inputs
from adtool.core.steps import locks

FORCE = Annotated[bool, typer.Option("--force", help="Redo categories that were made with other settings.")]
BREAK_LOCK = Annotated[
    bool, typer.Option("--break-lock", help="Take a folder over that a process of another host holds, which is gone.")
]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
QUIET = Annotated[bool, typer.Option("--quiet", help="Only warnings and errors on stderr.")]
VERBOSE = Annotated[bool, typer.Option("--verbose", help="More on stderr, and the traceback of a bug.")]
PLUGIN = Annotated[
    list[Path] | None,
    typer.Option(plugin_files.OPTION, metavar="FILE.py", help="A plug-in of your own; repeat for several."),
]
SHOWN = (None, "late", "last")  # order of the help
OLD = "_old"  # ends the name of a parameter for an option's old spelling
SLOW = ("doctor", "check")  # beside those that write
TAKE_PLUGINS = ("list",)  # beside those that write
SHARED = {"json": JSON, "quiet": QUIET, "verbose": VERBOSE}


def settings(
    kind: type[Config], name: str | None = None, *, writes: bool = False
) -> Callable[[Callable[..., object]], Any]:
    """Make a command from a function of a config; what it returns is shown on stdout.

    The function takes the config, and `force` if it can redo things. Its docstring is the command's help.
    A command is called like the file it stands in, unless it is given a name, the words after `adtool`. One that takes
    neither `force` nor `out` says itself that it writes a folder.
    """

    def decorate(function: Callable[..., object]) -> Any:  # noqa: ANN401, typer has no public type for commands
        called = name or function.__module__.rsplit(".", 1)[-1]
        writes_folder = writes or "force" in inspect.signature(function).parameters or "out" in kind.model_fields
        takes_force = "force" in inspect.signature(function).parameters

        def call(context: typer.Context, **values: Any) -> None:  # noqa: ANN401, of the options made below
            shared = {key: values.pop(key) for key in SHARED}
            values.pop("plugin", None)  # taken before, wherever it stands (`plugin_files.taken`); here for the help
            extra = {"force": values.pop("force")} if takes_force else {}
            breaks = locks.breaking(allowed=bool(values.pop("break_lock", False)))
            with show.session(quiet=shared["quiet"], verbose=shared["verbose"]), breaks:
                config = parse(kind, _given(kind, _typed(context, values)), where=f"adtool {called}")
                with show.starting(called) if writes_folder or called in SLOW else nullcontext():
                    found = function(inputs.fetched(config), **extra)
                show.result(found, as_json=shared["json"])

        annotations = {key: _annotation(key, field) for key, field in _in_order(kind)}
        annotations |= {
            _old(key): _hidden(field) for key, field in kind.model_fields.items() if _extra(field).get("was")
        }
        annotations |= (
            ({"force": FORCE} if takes_force else {}) | ({"break_lock": BREAK_LOCK} if writes_folder else {}) | SHARED
        )
        annotations |= {"plugin": PLUGIN} if writes_folder or called in TAKE_PLUGINS else {}
        parameters = [
            inspect.Parameter(
                key,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=_default(kind.model_fields[key])
                if key in kind.model_fields
                else None
                if key.endswith(OLD) or key == "plugin"
                else False,
            )
            for key, annotation in annotations.items()
        ]
        own = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        call.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
        call.__annotations__ = {"context": typer.Context, **annotations}
        call.__name__ = called.rsplit(" ", 1)[-1]
        call.__doc__ = function.__doc__
        app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
        app.command(name=call.__name__)(call)
        return typer.main.get_command(app)

    return decorate


def _typed(context: typer.Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, so that a config knows which of its options were left to their defaults."""
    sources = {key: context.get_parameter_source(key) for key in values}
    return {key: value for key, value in values.items() if getattr(sources[key], "name", "") != "DEFAULT"}


def _given(kind: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by the names of the fields; an old spelling says the same as the new one.

    Raises:
        UsageError: both are given.
    """
    given = {key: value for key, value in values.items() if value is not None}
    for key, field in kind.model_fields.items():
        if (old := _old(key)) in given:
            if key in given:
                raise UsageError(
                    f"{_extra(field)['was']} is the old spelling of {_spelled(key, field)}: give one of them."
                )
            given[key] = given.pop(old)
    return given


def _old(key: str) -> str:
    return f"{key}{OLD}"


def _in_order(kind: type[Config]) -> list[tuple[str, FieldInfo]]:
    """The fields in the order of the help: a command's own, then those that it shares with others, by `shown`."""
    shown = [(name, one) for name, one in kind.model_fields.items() if _extra(one).get("cli") != "none"]
    return sorted(shown, key=lambda one: SHOWN.index(_extra(one[1]).get("shown")))


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _default(field: FieldInfo) -> Any:  # noqa: ANN401, of the field's own type
    value = field.get_default(call_default_factory=False)
    if value is PydanticUndefined:
        return inspect.Parameter.empty
    return list(value) if isinstance(value, tuple) else value


def _annotation(name: str, field: FieldInfo) -> Any:  # noqa: ANN401, a type form
    extra = _extra(field)
    kind, choices = _kind(field.annotation)
    limits: dict[str, Any] = {}
    if kind in (int, float):
        limits = {"min": _limit(field, annotated_types.Ge, "ge"), "max": _limit(field, annotated_types.Le, "le")}
    text = field.description or ""
    if extra.get(READS):
        text += " Also a URL (s3:// gs:// hf://)."
    if choices:
        text = f"{text} One of: {', '.join(choices)}."
    if extra.get("cli") == "argument":
        return Annotated[kind, typer.Argument(help=text, metavar=str(extra.get("metavar", name.upper())))]
    option = _spelled(name, field)
    metavar = extra.get("metavar")
    if isinstance(metavar, str):
        limits["metavar"] = metavar
    return Annotated[kind, typer.Option(option, help=text, **limits)]


def _spelled(name: str, field: FieldInfo) -> str:
    return str(_extra(field).get("option", "--" + name.replace("_", "-")))


def _hidden(field: FieldInfo) -> Any:  # noqa: ANN401, a type form
    """The option under the name that it had before; its limits are those of the field."""
    kind, _ = _kind(field.annotation)
    return Annotated[kind, typer.Option(str(_extra(field)["was"]), hidden=True)]


def _kind(annotation: Any) -> tuple[Any, list[str]]:  # noqa: ANN401, type forms
    """The type typer shall parse, and the choices of a Literal."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return str, [str(choice) for choice in inner]
    if origin is tuple:
        return (list[inner[0]] if inner[-1] is Ellipsis else annotation), []  # type: ignore[valid-type]
    if origin in (typing.Union, types.UnionType):
        plain = [arg for arg in inner if arg is not type(None)]
        kind, choices = _kind(plain[0]) if len(plain) == 1 else (str, [])
        return (kind | None if type(None) in inner else kind), choices
    return (annotation if annotation in (int, float, bool, Path) else str), []


def _limit(field: FieldInfo, kind: type, attribute: str) -> Any:  # noqa: ANN401, int or float
    return next((getattr(item, attribute) for item in field.metadata if isinstance(item, kind)), None)
