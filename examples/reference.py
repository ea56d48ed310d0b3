"""Write every command's help into examples/reference.md, between two markers.

python examples/reference.py [FILE]
"""

import html
import sys
from collections.abc import Iterator
from copy import copy
from pathlib import Path

from typer.core import TyperCommand, TyperGroup

from adtool.cli import app as cli

BEGIN, END = "<!-- help: written by examples/reference.py -->", "<!-- /help -->"
WIDTH = 118


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Every command by the words that call it, in the order of the help; commands of groups one by one."""
    group = cli.LazyGroup(name="adtool")
    for name in cli.names():
        yield from _below(group, name, f"adtool {name}")


def _below(group: TyperGroup, name: str, words: str) -> Iterator[tuple[str, TyperCommand]]:
    _, found, _ = group.resolve_command(group.context_class(group), [name])
    if isinstance(found, TyperCommand):
        yield words, found
    elif isinstance(found, TyperGroup):
        for inner in found.list_commands(found.context_class(found)):
            yield from _below(found, inner, f"{words} {inner}")


def text_of(words: str, command: TyperCommand) -> str:
    """A command's help as plain text of a fixed width, whatever the terminal."""
    plain = copy(command)
    plain.rich_markup_mode = None  # no boxes
    context = plain.context_class(plain, info_name=words, terminal_width=WIDTH, max_content_width=WIDTH)
    shown = plain.get_help(context)
    return "\n".join(line.rstrip() for line in shown.splitlines())


def section() -> str:
    """What stands between the markers."""
    found = []
    for words, command in commands():
        about = html.escape(command.get_short_help_str(limit=90))
        found.append(
            f"<details><summary><code>{words}</code>: {about}</summary>\n\n```text\n{text_of(words, command)}\n```\n\n"
            "</details>"
        )
    return "\n".join(found)


def renewed(text: str) -> str:
    """The file with the present help between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise SystemExit(f"The file lacks the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{section()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".md")
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
