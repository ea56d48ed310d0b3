"""Kills at any moment, and two runs at once; each trial gives what was wrong, nothing if all was right."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.torture import process, workspace
from tests.torture.process import HUNG, Run
from tests.torture.workspace import Snapshot

QUICK = ("--engine", "torch", "--backbone", "test_resnet", "--image-size", "64")
VIT = ("--engine", "torch", "--backbone", "test_vit", "--image-size", "160")
MAPS = ("maps", *QUICK, "--set", "bank_size=64", "--set", "drawn=1000", "--batch-size", "2")
CHAIN = (
    ("prep", "folder", "--normal", "g", "--test", "o"),
    MAPS,
    ("discover", "--classes", "3", "--engine", "torch"),
    ("report", "--html"),
    ("inspect", "new", "--engine", "torch"),
)


def _set(*values: str) -> tuple[str, ...]:
    return tuple(word for value in values for word in ("--set", value))


TRAININGS = (
    ("train", "cfa", *QUICK, *_set("epochs=2", "layers=8,16")),
    ("train", "dinomaly", *VIT, *_set("steps=5", "batch=2", "decoder_blocks=2", "warm_up=2", "easy_until=3")),
    ("maps", "--detector", "musc", *QUICK, "--out", "compared"),
    ("train", "hvqtrans", *QUICK, *_set("epochs=2", "batch=4", "width=16", "hidden=32", "depth=2", "codes=8")),
    ("refine", "--engine", "torch", *_set(
        "templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=4", "batch=4", "judged=6",
    )),
    ("discover", "--classes", "3", "--method", "trained", "--engine", "torch", "--backbone", "test_vit", "--out", "ncd",
     *_set("epochs=3", "views=2", "side=32", "hidden=16", "heads=2", "batch=8")),
)  # fmt: skip
SIGNALS = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130,)}
RETRIES = 6
LATEST_S = 0.6  # the second of two runs starts so much later at most


@dataclass(frozen=True)
class Stage:
    """One command, with the workspace before and after it as an undisturbed run leaves it.

    Attributes:
        words: the command.
        before: the workspace that it begins with.
        after: the workspace that it leaves.
        start: content of `before`.
        end: content of `after`.
        seconds: it takes.
        writes: how many files it writes.
    """

    words: Sequence[str]
    before: Path
    after: Path
    start: Snapshot
    end: Snapshot
    seconds: float
    writes: int


@dataclass
class Stages:
    """The undisturbed chain."""

    stages: list[Stage] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def undisturbed(commands: Sequence[Sequence[str]], begin: Path, folder: Path) -> Stages:
    """Run commands one after the other, and keep the workspace before each and after the last.

    Args:
        commands: in order.
        begin: the workspace that the first one begins with.
        folder: of all workspaces.
    """
    made = Stages()
    for number, words in enumerate(commands):
        after = workspace.copy(begin, folder / f"after{number}-{words[0]}")
        run = process.start(words, after)
        if run.wait() != 0:
            made.problems.append(f"{_shown(words)}: exit {run.code} undisturbed: {_last(run)}")
            return made
        start, end = workspace.snapshot(begin), workspace.snapshot(after)
        made.stages.append(Stage(words, begin, after, start, end, run.seconds, run.writes))
        begin = after
    return made


def killed(stage: Stage, rng: np.random.Generator, place: Path) -> list[str]:
    """Kill a command at a random moment or at a random write, perhaps again, and let the same command finish.

    Args:
        stage: the command.
        rng: for what is random.
        place: a free folder.
    """
    forced = bool(rng.random() < 0.3)
    workspace.copy(stage.after if forced else stage.before, place)
    words = (*stage.words, "--force") if forced and stage.words[0] != "report" else stage.words
    begin = stage.end if forced else stage.start
    problems: list[str] = []
    for _ in range(1 + int(rng.random() < 0.3)):
        problems += _kill_once(words, stage, begin, rng, place)
        words = stage.words  # what --force began goes on without it
    run = process.start(stage.words, place)
    if run.wait() != 0:
        return [*problems, f"{_shown(stage.words)} after a kill: {_wrong(run)}"]
    problems += workspace.differences(workspace.snapshot(place), stage.end)
    return problems + workspace.leftovers(place)


def _kill_once(words: Sequence[str], stage: Stage, begin: Snapshot, rng: np.random.Generator, place: Path) -> list[str]:
    if rng.random() < 0.5:
        run, wanted = process.start(words, place, die_at_write=int(rng.integers(1, stage.writes + 1))), {-9, 0}
        run.wait()
    else:
        number = signal.Signals(int(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])))
        run, wanted = process.start(words, place), {*SIGNALS[number], 0}
        run.kill_after(float(rng.uniform(0, stage.seconds)), number)
    said = [] if run.code in wanted else [f"{_shown(words)} killed: {_wrong(run)}"]
    try:
        found = workspace.snapshot(place)
    except ValueError as error:
        return [*said, f"{_shown(words)} killed: a half file ({error})"]
    return said + workspace.half_files(found, begin, stage.end)


def paired(stage: Stage, rng: np.random.Generator, place: Path) -> list[str]:
    """Start the same command twice, with or without --force: both may not write, and nothing may be lost.

    Args:
        stage: the command.
        rng: for what is random.
        place: a free folder.
    """
    forced = bool(rng.random() < 0.5)
    workspace.copy(stage.after if forced else stage.before, place)
    words = (*stage.words, "--force") if forced and stage.words[0] != "report" else stage.words
    first = process.start(words, place, name="first")
    time.sleep(float(rng.uniform(0, min(stage.seconds, LATEST_S))))
    second = process.start(words, place)
    codes = [first.wait(), second.wait()]
    said = first.output + second.output
    problems = []
    if HUNG in codes or not set(codes) <= {0, 3} or 0 not in codes:
        problems.append(f"two {_shown(words)} at once: exits {codes}: {said[-300:]}{_traceback(place)}")
    if 3 in codes and "is being written by process" not in said:
        problems.append(f"two {_shown(words)} at once: exit 3 does not say who writes: {said[-300:]}")
    again = process.start(stage.words, place)
    if again.wait() != 0:
        problems.append(f"{_shown(stage.words)} after two at once: {_wrong(again)}")
    problems += workspace.differences(workspace.snapshot(place), stage.end)
    return problems + workspace.leftovers(place)


def _wrong(run: Run) -> str:
    what = "hangs" if run.code == HUNG else f"exit {run.code}"
    return f"{what}: {_last(run)}{_traceback(run.logs.with_name(run.logs.name.removesuffix('-logs')))}"


def _traceback(place: Path) -> str:
    """The end of what a bug left in a log."""
    logs = workspace.scratch_of(place).glob("adtool-*.log")
    return "".join("\n" + path.read_text(errors="replace")[-900:] for path in logs)


def _last(run: Run) -> str:
    lines = [line for line in run.output.splitlines() if line.strip()]
    return " | ".join(lines[-2:])[-400:]


def _shown(words: Sequence[str]) -> str:
    return f"adtool {' '.join(words[:2])}{' --force' if '--force' in words else ''}"
