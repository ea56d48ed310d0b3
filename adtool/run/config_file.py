"""adtool.toml: the settings of a run and of its steps in one file, read by `run --config` and written as what it did.

`[run]` holds the options of `adtool run`; `[prep]`, `[maps]`, `[refine]`, `[discover]` and `[report]` those of its
steps, which count before what `run` would give them. Names are those of the options, with `-` or `_`. Paths are those
beside the file, so that it does the same in another workspace. No such file loads code.
"""

import difflib
import json
import shlex
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adtool.core import files, urls
from adtool.core.config import Config, parse
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.remote import inputs
from adtool.discover.config import DiscoverConfig
from adtool.maps.config import MapsConfig
from adtool.prep.datasets import folder
from adtool.refine.config import RefineConfig
from adtool.report.config import ReportConfig
from adtool.run.config import RunCommand, RunConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = Path("adtool.toml")
RUN = "run"
STEPS: Mapping[str, type[Config]] = {
    "prep": folder.Config,
    "maps": MapsConfig,
    "refine": RefineConfig,
    "discover": DiscoverConfig,
    "report": ReportConfig,
}
# What `run` decides itself, so that its steps find each other.
OWN = ("normal", "test", "name", "out", "data", "category", "maps", "folders", "models", "shard", "review", "look_at")
CODE = ("plugin", "plugins")
WRITTEN = "# Written by `adtool run`: what it did. The same again: adtool run --config adtool.toml"


def asked(typed: RunCommand) -> RunConfig:
    """What is asked for: the file's settings, and before them what was typed.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it says what can't be understood, or no pictures are named.
    """
    given = {name: getattr(typed, name) for name in typed.model_fields_set if name != "config"}
    if typed.config is None:
        return _run(given, "adtool run")
    tables = read(typed.config)
    steps = {name: values for name, values in tables.items() if name != RUN}
    return _run({**tables.get(RUN, {}), **given, "steps": steps}, str(typed.config))


def _run(values: Mapping[str, Any], where: str) -> RunConfig:
    if "test" not in values:
        raise UsageError(f"{where}: no pictures are named. Give --test, or `test` below [{RUN}] in a file (--config).")
    return inputs.fetched(parse(RunConfig, values, where=where))


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file, by the names of fields; what a step does not know, or `run` decides, is refused.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it is no TOML, or says what can't be understood.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise MissingInputError(
            f"There is no file {path} (--config). `adtool run` writes one when it is done."
        ) from None
    except ValueError as error:  # a damaged text, too
        raise UsageError(f"{path} is no TOML ({error}). Mend it.") from None
    found = {}
    for name, values in tables.items():
        _refuse_code(path, [name])
        if name != RUN and name not in STEPS:
            raise UsageError(f"{path}: there is no [{name}]{_close(name, (RUN, *STEPS))}")
        if not isinstance(values, Mapping):
            raise UsageError(f"{path}: {name} is no table. Write [{name}], and its settings below.")
        found[name] = _checked(path, name, {key.replace("-", "_"): value for key, value in values.items()})
    return found


def _checked(path: Path, name: str, values: dict[str, Any]) -> dict[str, Any]:
    _refuse_code(path, values)
    if "set" in values:
        values["settings"] = [*values.get("settings", ()), *values.pop("set")]
    kind = RunConfig if name == RUN else STEPS[name]
    own = ("steps",) if name == RUN else OWN
    known = [key for key in kind.model_fields if key not in own]
    for key in values:
        if key in known:
            continue
        decided = key in kind.model_fields and key in own
        why = f"`run` decides {key} itself." if decided else f"there is no setting '{key}'{_close(key, known)}"
        raise UsageError(f"{path}, [{name}]: {why}")
    if empty := [key for key, value in values.items() if value == ""]:
        raise UsageError(f"{path}, [{name}]: {empty[0]} is empty. Say what it shall be, or remove the line.")
    parts = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    if name != RUN:
        parse(kind, {**_needed(kind), **parts}, where=f"{path}, [{name}]")
    return {key: _beside(path.parent, kind, key, value) for key, value in parts.items()}


def _beside(folder: Path, kind: type[Config], name: str, value: object) -> object:
    """A setting whose paths are as they lie from here, not from the folder of the file."""
    hint = kind.model_fields[name].annotation
    is_path = Path in (hint, *typing.get_args(hint)) or (name == "look_at" and "," not in str(value))
    return (folder / value).as_posix() if is_path and isinstance(value, str) and not urls.is_url(value) else value


def _needed(kind: type[Config]) -> dict[str, object]:
    """Something for what must be given, to see whether the rest is right."""
    return {name: "." for name, one in kind.model_fields.items() if one.is_required()}


def _refuse_code(path: Path, names: Iterable[str]) -> None:
    if named := [name for name in names if name in CODE]:
        raise UsageError(
            f"{path} names a plug-in ({named[0]}). A file that may have come with data loads no code: give --plugin "
            "FILE.py on the command line, or ADTOOL_PLUGINS."
        )


def _close(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f" (there are: {', '.join(known)})."


def step(config: RunConfig, name: str, values: Mapping[str, object]) -> dict[str, object]:
    """The values of a step's settings: those that `run` gives it, and before them those of the file."""
    return {**values, **config.steps.get(name, {})}


def words(config: RunConfig, name: str) -> list[str]:
    """The settings of the file for a step, as they are typed."""
    found = []
    for key, value in config.steps.get(name, {}).items():
        extra = STEPS[name].model_fields[key].json_schema_extra
        option = str(extra.get("option", "")) if isinstance(extra, dict) else ""
        option = (option or f"--{key.replace('_', '-')}").partition("/")[0]
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, bool):
                found.append(option if one else option.replace("--", "--no-", 1))
            else:
                found += [option, str(one)]
    return found


def write(config: RunConfig, commands: Iterable[Sequence[str]], *, refined: bool) -> bool:
    """Write what a run did; whether it was written: a file that somebody else wrote stays.

    Args:
        config: with the quality that was chosen.
        commands: of its steps.
        refined: whether maps were refined.
    """
    if NAME.exists() and not NAME.read_text(encoding="utf-8", errors="replace").startswith(WRITTEN):
        return False
    own = config.model_copy(update={"refine": refined, "minutes": None})
    run = own.model_dump(mode="json", exclude_defaults=True, exclude={"steps"})
    named = {key: inputs.named(value) for key in run if isinstance(value := getattr(own, key), Path)}
    lines = [WRITTEN, *(f"# {shlex.join(one)}" for one in commands)]
    for name, values in ((RUN, run | named), *config.steps.items()):
        lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    files.write_text(NAME, "\n".join(lines) + "\n")
    return True


def _toml(value: object) -> str:
    """A value as TOML has it; of JSON it takes all but null and escaped halves of characters."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
