"""Draw the code from its imports: which step reads and writes which folder, and which part uses which.

python examples/architecture.py [FILE]      (adtool/README.md, between its markers)
"""

import ast
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from adtool.core import plugins
from adtool.core.config import Config

BEGIN, END = "<!-- drawn from the imports by examples/architecture.py -->", "<!-- /drawn -->"
PACKAGE = Path(__file__).parents[1] / "adtool"
CALLERS = {"run", "demo", "doctor"}  # they call steps, and touch what those touch
# Whoever imports this name opens that folder of the workspace; refined/ holds the same files as maps/.
OPENS = {
    "core.dataset.dataset_folder": "data",
    "prep.writing": "data",
    "core.layout.MapsFolder": "maps",
    "core.map_source": "maps",
    "core.layout.ModelFolder": "models",
    "detection.store": "models",
    "core.layout.ClassesFolder": "classes",
    "core.layout.InspectedFolder": "inspected",
}
CHANGES_MAPS = "core.limits.decisions"  # the limit and the decisions lie beside the maps
READS_MAPS = "core.map_source.MapSource"  # of a step that writes some, too
SHOWN = {"data": "data/", "maps": "maps/ refined/"}


def imports(path: Path) -> Iterator[str]:
    """Everything of adtool that a file imports, anywhere in it, without `adtool.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        of = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        whole = [f"{of}{name}" for name in names]
        yield from (name.removeprefix("adtool.") for name in whole if name.startswith(("adtool.", "adtool_runtime.")))


@cache
def parts() -> dict[str, set[str]]:
    """What each part of the code imports of others."""
    every = [*PACKAGE.iterdir(), PACKAGE / "runtime" / "adtool_runtime"]
    folders = sorted(path for path in every if (path / "__init__.py").exists())
    return {folder.name: {name for path in folder.rglob("*.py") for name in imports(path)} for folder in folders}


def is_step(part: str) -> bool:
    """Whether a part is a step: it has a step.py, or makes a data set."""
    return part not in CALLERS and ((PACKAGE / part / "step.py").exists() or part == "prep")


def owned(part: str) -> set[str]:
    """Folders that a step writes: those that its options name by default."""
    if part == "prep":
        modules = [plugins.load("prep.datasets", name) for name in plugins.names("prep.datasets")]
    else:
        modules = [importlib.import_module(f"adtool.{part}.config")]
    settings = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    fields = [field for one in settings if issubclass(one, Config) for field in one.model_fields.values()]
    found = {field.default.parts[0] for field in fields if isinstance(field.default, Path) and field.default.parts}
    return {"maps" if name == "refined" else name for name in found}


def opened(names: set[str]) -> set[str]:
    """Folders that a step touches."""
    return {folder for name, folder in OPENS.items() if any(f"{one}.".startswith(f"{name}.") for one in names)}


def way_of_data() -> str:
    """Steps and the folders between them."""
    lines = []
    for step, names in parts().items():
        if not is_step(step):
            continue
        writes = owned(step) if step != "models" else set()  # it lists them, and takes some away
        changes = {"maps"} if any(f"{one}.".startswith(f"{CHANGES_MAPS}.") for one in names) else set()
        reads = opened(names) - (writes - ({"maps"} if READS_MAPS in names else set()))
        for folder in sorted(reads | writes):
            is_read, is_written = folder in reads, folder in writes | changes
            ends = (f"{step}([{step}])", f"d_{folder}[({SHOWN.get(folder, f'{folder}/')})]")
            arrow = "<-->" if is_read and is_written else "-->"
            lines.append(f"  {ends[0]} {arrow} {ends[1]}" if is_written else f"  {ends[1]} {arrow} {ends[0]}")
    return "\n".join(["flowchart LR", *sorted(lines)])


def layers() -> str:
    """Which part uses which; what follows from another line is left out."""
    every = parts()
    uses = {one: {name.split(".")[0] for name in names} & every.keys() - {one} for one, names in every.items()}

    def below(part: str) -> set[str]:
        return uses[part].union(*(below(one) for one in uses[part]))

    lines = []
    for part, needs in uses.items():
        direct = needs - set().union(*(below(one) for one in needs))
        lines += [f"  {part} --> {one}" for one in sorted(direct)]
    return "\n".join(["flowchart LR", *lines])


def section() -> str:
    """What stands between the markers."""
    return f"```mermaid\n{way_of_data()}\n```\n\nWhich part uses which:\n\n```mermaid\n{layers()}\n```"


def renewed(text: str) -> str:
    """The file with the present pictures between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"The file lacks the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{section()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE / "README.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
