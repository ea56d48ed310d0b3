"""The command line: finds a command's file by its name and loads only that one."""

import importlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from adtool.core import plugin_files
from adtool.core.errors import EXIT_INTERRUPTED, AdtoolError

COMMANDS = Path(__file__).with_name("commands")
# The order of help: that of the work. Commands that are not named here follow by name.
ORDER = (
    "run",
    "demo",
    "prep",
    "check",
    "train",
    "maps",
    "refine",
    "discover",
    "inspect",
    "decide",
    "merge",
    "export",
    "report",
    "convert",
    "models",
    "weights",
    "doctor",
    "list",
)


WrongUsage: Any = typer.BadParameter.__mro__[1]  # click's UsageError, wherever this version of typer keeps it


def first_line(path: Path) -> str:
    """First line of a module's docstring, read without importing the module."""
    found = re.search(r'"""(.+)', path.read_text(encoding="utf-8"))
    return found.group(1).strip('"') if found else ""


def names() -> list[str]:
    """All commands in the order of help."""
    found = {path.stem for path in COMMANDS.glob("*.py") if not path.stem.startswith("_")}
    return [name for name in ORDER if name in found] + sorted(found - set(ORDER))


class LazyGroup(TyperGroup):
    """Knows its commands by their files; imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, click's context has no public type here
        """Names of all commands."""
        return names()

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ANN401
        """A stand-in that carries the help line."""
        if cmd_name not in names():
            return None
        return TyperCommand(name=cmd_name, short_help=first_line(COMMANDS / f"{cmd_name}.py"))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """The real command, imported now."""
        self.commands = dict.fromkeys(names(), TyperCommand(name=""))  # for "did you mean"
        name, found, rest = super().resolve_command(ctx, args)
        if found is not None and name is not None:
            found = importlib.import_module(f"adtool.cli.commands.{name}").command
        return name, found, rest


def _version(value: bool) -> None:  # noqa: FBT001, the signature typer asks for
    if value:
        from importlib.metadata import version

        typer.echo(f"adtool {version('adtool')}")
        raise typer.Exit


# Without rich here: importing it would cost the plain help more than all the rest.
app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def start(
    *,
    directory: Annotated[
        Path | None,
        typer.Option("-C", metavar="DIR", exists=True, file_okay=False, help="Work in this folder (the workspace)."),
    ] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE.py", help="A detector, metric, data set or format of your own; repeat."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find what is wrong in pictures of industrial parts, and which kinds of wrong there are.

    Every step reads folders and writes one folder, in the current folder or in the one given with -C:
    prep -> data/, maps -> maps/, discover -> classes/, report -> report/. Try `adtool demo` first.
    """
    if directory is not None:
        os.chdir(directory)
    if plugin_files.are_named():
        from adtool.core import plugins  # the plain help does without

        plugins.require_free_names()


def _show_every_name() -> None:
    """Let stdout and stderr show names that their encoding lacks with replacements, instead of failing at them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run() -> int:
    """Run the command line and return the exit code."""
    _show_every_name()
    try:
        words, files = plugin_files.taken(sys.argv[1:])
        with plugin_files.named(files):
            code = app(words, prog_name="adtool", standalone_mode=False)
    except AdtoolError as error:  # before a command began
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except typer.Abort:  # Ctrl-C before the command began
        return EXIT_INTERRUPTED
    except WrongUsage as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group without a command: what it says is its help
            error.show()
        else:
            sys.stderr.write(f"error: {_sentence(error)}\n")
        return int(error.exit_code)
    except SystemExit as stop:  # of the completion of a shell
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return code if isinstance(code, int) else 0


def _sentence(error: Any) -> str:  # noqa: ANN401, as above
    """What is wrong in the words typed, said as everything else is, and where to read more."""
    context = getattr(error, "ctx", None)
    said = error.format_message().strip()
    words = context.command_path if context is not None else "adtool"
    return f"{said}{'' if said.endswith(('.', '?', '!', ')')) else '.'} See: {words} --help"
