"""What the recipes for published tables share: steps of adtool, one after the other, and a table of both figures.

A recipe that was stopped is run again with the same words: what is finished is skipped, and a training goes on.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import torch

MEAN = "mean"
NONE = "-"


def arguments(about: str) -> argparse.ArgumentParser:
    """The words that every recipe takes."""
    first, _, rest = about.partition("\n")
    parser = argparse.ArgumentParser(description=first, epilog=rest, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="the data set, as it was unpacked")
    parser.add_argument("out", type=Path, help="folder to write: workspaces, and table.md")
    parser.add_argument("--category", action="append", default=[], help="only this one; repeat for several")
    parser.add_argument("--small", action="store_true", help="a trial in minutes: the same steps with little training")
    parser.add_argument("--yes", action="store_true", help="begin although it takes days without a GPU")
    return parser


def require_time(hours: float, given: argparse.Namespace) -> None:
    """End with exit code 2 where there is no GPU, unless it is a trial or was agreed to.

    Args:
        hours: that it takes on two cores, about.
        given: the recipe's words.
    """
    if given.small or given.yes or torch.cuda.is_available():
        return
    print(
        f"This is made for a GPU, and there is none here: on a processor it takes about {hours:,.0f} hours. "
        "Try --small first, or begin with --yes.",
        file=sys.stderr,
    )
    sys.exit(2)


def per_second(side: int = 1024, times: int = 8) -> float:
    """Operations a second of this machine's processor, by products of matrices."""
    one = torch.rand(side, side)
    one @ one
    started = time.perf_counter()
    for _ in range(times):
        one @ one
    return times * 2 * side**3 / (time.perf_counter() - started)


def stop(code: int, text: str) -> NoReturn:
    """End with a sentence."""
    print(f"error: {text}", file=sys.stderr)
    sys.exit(code)


def adtool(folder: Path, *words: object) -> None:
    """One command of adtool in a workspace; a recipe ends with its exit code if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    own = shutil.which("adtool", path=str(Path(sys.executable).parent)) or "adtool"
    said = [str(word) for word in words if word != ""]
    print("adtool", *said, file=sys.stderr, flush=True)
    done = subprocess.run([own, *said], cwd=folder, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        print(f"It failed, in {folder}. Once that is mended, run the same again: it goes on here.", file=sys.stderr)
        sys.exit(done.returncode)


def chosen(categories: Iterable[str]) -> list[str]:
    """Categories as a command takes them."""
    return [word for name in categories for word in ("--category", name)]


def figures(folder: Path, report: str = "report") -> dict[tuple[str, str, str], float]:
    """What `adtool report` measured in a workspace, by source, category and metric."""
    with (folder / report / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["source"], row["category"], row["metric"]): float(row["value"])
            for row in csv.DictReader(file)
            if row["value"]
        }


def beside(measured: float | None, published: float | None, scale: float = 1.0) -> str:
    """A cell: the measured figure, and the published one in brackets."""
    mine = NONE if measured is None else f"{measured * scale:.{1 if scale > 1 else 3}f}"
    return mine if published is None else f"{mine} ({published:g})"


def table(out: Path, title: str, rows: Sequence[Mapping[str, str]], remarks: Sequence[str]) -> None:
    """Print a table in Markdown, and write it beside the workspaces."""
    tables(out, title, {"": rows}, remarks)


def tables(out: Path, title: str, parts: Mapping[str, Sequence[Mapping[str, str]]], remarks: Sequence[str]) -> None:
    """Print several tables, each under its name, and write them beside the workspaces."""
    lines: list[str] = []
    for name, rows in parts.items():
        columns = list(rows[0])
        lines += [f"**{name}**", ""] if name else []
        lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(row.get(column, NONE) for column in columns) + " |" for row in rows]
        lines.append("")
    text = "\n".join([title, "", *lines, *(f"* {one}" for one in remarks), ""])
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(text, encoding="utf-8")
    print(text)
