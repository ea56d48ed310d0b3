"""`--workers N`: N processes on this machine do the tasks of a job; one that dies is replaced and goes on."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, TypeAlias

from adtool.core import progress
from adtool.core.errors import MachineError, PartialFailureError
from adtool.core.shards import jobs, worker
from adtool.core.shards.jobs import Job, Results, Task
from adtool_runtime import parallel

RETRIES = 2  # times that a worker is replaced
GONE = "gone"
LESS = "Give fewer --workers"

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class LocalCrew:
    """So many processes on this machine."""

    count: int

    def tasks(self, names: Sequence[str]) -> list[Task]:
        """One a process: all categories in shards."""
        return jobs.of_shards(self.count)

    def run(self, job: Job) -> Results:
        """See `run`."""
        return run(job, self.count)


@dataclass
class Worker:
    """One of them; `process` is the one that lives, and `task` what it does, if anything."""

    number: int
    task: Task
    process: subprocess.Popen[str]
    is_idle: bool = False
    replaced: int = 0
    said: set[str] = field(default_factory=set)


Heard: TypeAlias = "Queue[tuple[Worker, dict[str, Any]]]"


def run(job: Job, count: int) -> Results:
    """Do a job in `count` processes, or fewer if there are fewer tasks.

    A task that fails does not stop the others; one whose worker was killed, again and again, fails with a MachineError.

    Raises:
        RuntimeError: a bug in a worker.
    """
    work = _Work(job, min(count, len(job.tasks)))
    try:
        work.begin()
        with progress.bar(f"{job.label}, {work.count} workers", job.total or len(job.tasks)) as bar:
            work.follow(bar)
    finally:
        for one in work.workers:
            _end(one.process)
    if work.trace:
        raise RuntimeError(work.trace)
    return work.results


class _Work:
    """Tasks that are left, workers, and what became of the others."""

    def __init__(self, job: Job, count: int) -> None:
        self.job = job
        self.count = count
        self.left = deque(job.tasks)
        self.workers: list[Worker] = []
        self.results = Results()
        self.trace = ""
        self._heard: Heard = Queue()

    def begin(self) -> None:
        """Start a worker for each of the first tasks."""
        for number in range(self.count):
            task = self.left.popleft()
            self.workers.append(Worker(number, task, self._started(number, task)))
            _listen(self.workers[-1], self._heard)

    def follow(self, bar: progress.Bar) -> None:
        """Hear all workers to their ends."""
        living = len(self.workers)
        while living:
            one, line = self._heard.get()
            if worker.ADVANCED in line:
                bar.advance(line[worker.ADVANCED])
            elif worker.SAID in line:
                say(one.said, [other.said for other in self.workers], line)
            elif worker.TRACE in line:
                self.trace = f"in worker {one.task.name}:\n{line[worker.TRACE]}"
                one.is_idle = True  # and ends
                self.left.clear()
            elif worker.ENDED in line or worker.FAILED in line:
                keep(self.results, one.task, line)
                if not self.job.total:
                    bar.advance(1)
                self._go_on(one)
            elif GONE in line:
                living -= not self._is_replaced(one)

    def _go_on(self, one: Worker) -> None:
        """Give a worker its next task, or let it end."""
        one.is_idle = not self.left
        if self.left:
            one.task, one.replaced = self.left.popleft(), 0
        _tell(one.process, None if one.is_idle else self._message(one.task))

    def _is_replaced(self, one: Worker) -> bool:
        """Whether another process takes the place of one that is gone, with its task or with the next one."""
        code = _end(one.process)
        if one.is_idle:
            return False
        if _was_killed(code) and one.replaced < RETRIES:
            one.replaced += 1
            log.warning("%s was killed (%s), and is replaced: it goes on where it was.", one.task.worker, _why(code))
        else:
            self.results.failed[one.task.name] = killed(one.task, one.replaced + 1, _why(code), LESS)
            if not self.left:
                return False
            one.task, one.replaced = self.left.popleft(), 0
        one.process = self._started(one.number, one.task)
        _listen(one, self._heard)
        return True

    def _started(self, number: int, task: Task) -> subprocess.Popen[str]:
        """A process that does a task, and then what it is told."""
        process = subprocess.Popen(
            [sys.executable, "-m", worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._share(number)},
        )
        _tell(process, self._message(task))
        return process

    def _message(self, task: Task) -> dict[str, Any]:
        return {**self.job.message(task), "level": log.getEffectiveLevel()}

    def _share(self, number: int) -> dict[str, str]:
        """A worker's part of the machine: its threads, and one GPU if there are some."""
        share = threads_of(self.count)
        if self.job.gpus:
            share["CUDA_VISIBLE_DEVICES"] = self.job.gpus[number % len(self.job.gpus)]
        return share


def at_most(threads: int) -> int:
    """So many threads, or fewer where OMP_NUM_THREADS says so."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(threads, int(asked)) if asked.isdecimal() and int(asked) else threads


def threads_of(count: int) -> dict[str, str]:
    """What says to each of `count` processes how many threads are its own."""
    cores = parallel.core_count()
    mine = max(1, at_most(cores) // count)
    return {"OMP_NUM_THREADS": str(mine), parallel.CORES: str(max(1, cores // count))}


def keep(results: Results, task: Task, line: Mapping[str, Any]) -> None:
    """Keep how a task ended, by what its worker said last of it."""
    if worker.FAILED in line:
        error = jobs.error_of(line[worker.CODE], str(line[worker.FAILED]))
        if isinstance(error, PartialFailureError):
            error.reasons = {name: jobs.error_of(*one) for name, one in line[worker.EACH].items()}
        results.failed[task.name] = error
    else:
        results.done[task.name] = line[worker.ENDED]


def killed(task: Task, times: int, why: str, less: str) -> MachineError:
    """What to say of a task whose workers were killed; `less` says what to give less of."""
    return MachineError(
        f"{task.worker} was killed {times} times ({why}). Is there enough memory? {less}; what was written is kept, "
        "and the same command goes on."
    )


def say(own: set[str], all_said: Sequence[set[str]], line: Mapping[str, Any]) -> None:
    """Hand on what a worker says: what others said as well is said once."""
    text = str(line[worker.SAID])
    if line[worker.LEVEL] >= logging.WARNING and not any(text in other for other in all_said):
        log.log(int(line[worker.LEVEL]), "%s", text)
    own.add(text)


def _was_killed(code: int) -> bool:
    return code < 0 or code in (128 + signal.SIGKILL, 128 + signal.SIGTERM)


def _why(code: int) -> str:
    return f"signal {-code if code < 0 else code - 128}" if _was_killed(code) else f"exit code {code}"


def _tell(process: "subprocess.Popen[str]", message: Mapping[str, Any] | None) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it died, which is seen soon
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def _listen(one: Worker, heard: Heard) -> None:
    """Hear a worker's lines in a thread, until its end."""
    process = one.process

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                heard.put((one, _parsed(line)))
        heard.put((one, {GONE: True}))

    threading.Thread(target=read, daemon=True).start()


def _parsed(line: str) -> dict[str, Any]:
    """What a worker said; nothing of half a line of one that was killed, or of what a library printed."""
    with suppress(ValueError):
        document = json.loads(line)
        return document if isinstance(document, dict) else {}
    return {}


def _end(process: "subprocess.Popen[str]") -> int:
    """Let a worker end now, and give its exit code; what it wrote is kept."""
    assert process.stdin is not None
    with suppress(OSError):  # it has ended
        process.stdin.close()
    return process.wait()
