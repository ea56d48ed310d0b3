"""`python -m tests.torture`: kills, pairs of runs and damaged inputs; prints a table, fails if anything was wrong."""

import argparse
import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.torture import process, trials, workspace
from tests.torture.trials import Stage

FULL = {"kills": 60, "trainings": 12, "pairs": 20, "damaged": 100, "readers": 900}
SMALL = {"kills": 3, "trainings": 0, "pairs": 1, "damaged": 0, "readers": 40}
SHOWN = 6  # problems of a trial

Trial = Callable[[Stage, np.random.Generator, Path], list[str]]


@dataclass
class Line:
    """One line of the table."""

    name: str
    trials: int
    problems: int
    seconds: float


def main() -> int:
    """Run what is asked for; 1 if anything was wrong."""
    asked = _asked()
    counts = {name: getattr(asked, name) for name in FULL}
    folder = Path(tempfile.mkdtemp(prefix="adtool-torture-"))
    lines = []
    try:
        process.warm_up(folder, trains=counts["trainings"] > 0)
        for line in _all(counts, folder, asked.seed):
            lines.append(line)
            print(
                f"{line.name:<28} {line.trials:>5} trials {line.problems:>4} wrong {line.seconds:>7.0f} s", flush=True
            )
    finally:
        if asked.keep:
            print(f"The workspaces are in {folder}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    wrong = sum(line.problems for line in lines)
    print(_row(Line("all", sum(line.trials for line in lines), wrong, sum(line.seconds for line in lines))))
    return int(wrong > 0)


def _row(line: Line) -> str:
    return f"{line.name:<28} {line.trials:>5} trials {line.problems:>4} wrong {line.seconds:>7.0f} s"


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few trials of each kind, for `make test`")
    for name, count in FULL.items():
        parser.add_argument(f"--{name}", type=int, help=f"number of trials, {count} by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep the workspaces")
    given = parser.parse_args()
    for name, count in (SMALL if given.small else FULL).items():
        if getattr(given, name) is None:
            setattr(given, name, count)
    return given


def _all(counts: dict[str, int], folder: Path, seed: int) -> Iterator[Line]:
    begin = workspace.make(folder / "pictures")
    started = time.monotonic()
    chain = trials.undisturbed(trials.CHAIN, begin, folder)
    yield Line("the chain, undisturbed", len(chain.stages), _tell(chain.problems), time.monotonic() - started)
    if chain.problems:
        return
    yield _many("kills of the chain", counts["kills"], trials.killed, chain.stages, folder / "killed", seed)
    yield _many("two runs at once", counts["pairs"], trials.paired, chain.stages, folder / "paired", seed + 1)
    if counts["trainings"]:
        started = time.monotonic()
        learned = trials.undisturbed(trials.TRAININGS, chain.stages[1].after, folder / "learned")
        yield Line(
            "the trainings, undisturbed", len(learned.stages), _tell(learned.problems), time.monotonic() - started
        )
        if learned.stages:
            place = folder / "trained"
            yield _many("kills of trainings", counts["trainings"], trials.killed, learned.stages, place, seed + 2)
    if not counts["damaged"]:  # fresh processes need a workspace of their own, readers take the one there is
        shutil.copytree(chain.stages[-1].after, folder / "struck" / "whole")
    yield from _damaged(counts, folder)


def _many(name: str, count: int, trial: Trial, stages: Sequence[Stage], place: Path, seed: int) -> Line:
    """Trials in turn over the commands; each has its own seed, so that one can be repeated alone."""
    started, wrong = time.monotonic(), 0
    for number in range(count):
        problems = trial(stages[number % len(stages)], np.random.default_rng([seed, number]), place)
        wrong += _tell([f"{name}, trial {number}: {text}" for text in problems]) > 0
    return Line(name, count, wrong, time.monotonic() - started)


def _damaged(counts: dict[str, int], folder: Path) -> Iterator[Line]:
    """Files that were damaged; what is tried is in `damage`."""
    if importlib.util.find_spec("tests.torture.damage") is None:
        return
    from tests.torture import damage

    kinds = {
        "damaged": ("damaged inputs", damage.fresh_processes),
        "readers": ("damaged files, readers", damage.readers),
    }
    for key, (name, check) in kinds.items():
        started = time.monotonic()
        (folder / "struck").mkdir(exist_ok=True)  # of both: the whole workspace is made once
        problems = check(folder / "struck", counts[key]) if counts[key] else []
        yield Line(name, counts[key], _tell([f"{name}: {text}" for text in problems]), time.monotonic() - started)


def _tell(problems: Sequence[str]) -> int:
    for text in problems[:SHOWN]:
        print(f"WRONG {text}", flush=True)
    if len(problems) > SHOWN:
        print(f"      and {len(problems) - SHOWN} more")
    return len(problems)


if __name__ == "__main__":
    sys.exit(main())
