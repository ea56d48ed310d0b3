"""What is divided among workers: a step, and the tasks that it is done in."""

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adtool.core import errors
from adtool.core.config import Config
from adtool.core.errors import AdtoolError
from adtool.core.remote import inputs
from adtool.core.shards.shard import Shard
from adtool.core.steps import locks

PART_DIGITS = 16  # of a hash of a category's name, which any letters may be in


@dataclass(frozen=True)
class Task:
    """What one worker does at a time.

    Attributes:
        name: as it is told of.
        changes: of the step's settings.
        words: what would be typed for it, as a lock's note says.
        part: of the folder that the step writes, which this task alone writes; empty if the step says so itself.
    """

    name: str
    changes: Mapping[str, object]
    words: Sequence[str]
    part: str = ""

    @property
    def worker(self) -> str:
        """Whoever does it."""
        return f"Worker {self.name}"


def of_shards(count: int) -> list[Task]:
    """A task a shard, of all categories."""
    return [Task(str(one), {"shard": str(one)}, ("--shard", str(one))) for one in Shard(1, count).all]


def of_categories(names: Iterable[str]) -> list[Task]:
    """A task a category."""
    return [Task(f"of {name}", {"category": (name,)}, ("--category", name), _part(name)) for name in names]


def of_shards_of_categories(names: Iterable[str], count: int) -> list[Task]:
    """A task for each shard of each category, a category after the other."""
    tasks = []
    for name in names:
        for one in Shard(1, count).all:
            changes = {"category": (name,), "shard": str(one)}
            words = ("--category", name, "--shard", str(one))
            tasks.append(Task(f"{one} of {name}", changes, words, f"{_part(name)}-{one.name}"))
    return tasks


def _part(category: str) -> str:
    """Of a folder's lock, for a category; not its name, which might be too long, or that of a shard."""
    return hashlib.sha256(category.encode(errors="surrogateescape")).hexdigest()[:PART_DIGITS]


@dataclass(frozen=True)
class Job:
    """What is divided.

    Attributes:
        module: of the step, which has `run(config, force=...)`.
        config: its settings, for each task with the task's changes.
        label: what the bars of the counted work begin with.
        total: items of that work; 0 to count tasks.
        gpus: names of the GPUs to share out, as in CUDA_VISIBLE_DEVICES; none to leave that alone.
        tasks: to be done, in any order.
        out: folder that the step writes, where tasks have parts of it.
        force: whether each task is done again even if it is done.
    """

    module: str
    config: Config
    label: str
    total: int
    gpus: Sequence[str] = ()
    tasks: Sequence[Task] = ()
    out: Path | None = None
    force: bool = False

    def message(self, task: Task) -> dict[str, Any]:
        """What a worker is told to do, as JSON has it; `taken_up` does it."""
        config = self.config.model_copy(update={"workers": None, **task.changes})
        kind = type(config)
        return {
            "module": self.module,
            "kind": [kind.__module__, kind.__name__],
            "config": config.model_dump(mode="json", exclude_unset=True) | inputs.by_url(config),
            "label": self.label if self.total else "",
            "words": [*_typed(self.label), *task.words],
            "out": None if self.out is None else str(self.out),
            "part": task.part,
            "force": self.force,
            "breaks": locks.breaks(),
        }


def _typed(label: str) -> list[str]:
    """The words of the command that runs here, if it is one."""
    program = Path(sys.argv[0])
    is_command = program.stem == "adtool" or (program.stem, program.parent.name) == ("__main__", "adtool")
    return sys.argv[1:] if is_command else [label]


@dataclass
class Results:
    """What became of tasks, by their names.

    Attributes:
        done: what each said of what it did: `done`, `skipped`, `rows` and `notes`, as an `Outcome`.
        failed: why others were not done.
    """

    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, AdtoolError] = field(default_factory=dict)

    def raise_first(self) -> None:
        """Raise the first error, if there is one."""
        for error in self.failed.values():
            raise error


class Crew(Protocol):
    """Processes that do the tasks of jobs."""

    @property
    def count(self) -> int:
        """How many there are."""

    def tasks(self, names: Sequence[str]) -> list[Task]:
        """How work on the images of some categories is divided among them, in as many shards as there are of them."""

    def run(self, job: Job) -> Results:
        """Do all tasks; one that fails does not stop the others.

        Raises:
            RuntimeError: a bug in a worker, with its traceback.
        """


def error_of(code: int, text: str) -> AdtoolError:
    """The error of a worker, of a kind with its exit code."""
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AdtoolError))
    return next((kind for kind in kinds if kind.exit_code == code), AdtoolError)(text)
