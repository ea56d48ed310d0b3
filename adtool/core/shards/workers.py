"""`--workers N`: N processes on this machine, each a shard of the step; one that dies is replaced and goes on."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, TypeAlias

from adtool.core import errors, progress
from adtool.core.config import Config
from adtool.core.errors import AdtoolError, MachineError
from adtool.core.shards import worker
from adtool.core.shards.shard import Shard
from adtool_runtime import parallel

RETRIES = 2  # times that a worker is replaced
GONE = "gone"

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Job:
    """What is divided.

    Attributes:
        module: of the step, which has `run(config, force=...)`.
        config: its settings; `shard` is set for each worker.
        label: what the bars of the counted work begin with.
        total: items of that work.
        gpus: names of the GPUs to share out, as in CUDA_VISIBLE_DEVICES; none to leave that alone.
    """

    module: str
    config: Config
    label: str
    total: int
    gpus: Sequence[str] = ()


@dataclass
class _Worker:
    """One of them; `process` is the one that lives."""

    shard: Shard
    process: subprocess.Popen[str]
    replaced: int = 0
    error: AdtoolError | None = None
    trace: str = ""
    said: set[str] = field(default_factory=set)


Heard: TypeAlias = "Queue[tuple[_Worker, dict[str, Any]]]"


def run(job: Job, count: int) -> None:
    """Do a step in `count` processes; the last one to end makes the whole.

    Raises:
        AdtoolError: what a worker met; of several, the first. The others end their work.
        MachineError: a worker was killed, again and again.
    """
    heard: Heard = Queue()
    workers: list[_Worker] = []
    try:
        for shard in Shard(1, count).all:
            one = _Worker(shard, _started(job, shard))
            workers.append(one)
            _listen(one, heard)
        with progress.bar(f"{job.label}, {count} workers", job.total) as bar:
            _follow(job, workers, heard, bar)
    finally:
        for one in workers:
            _end(one.process)
    for one in workers:
        if one.trace:
            raise RuntimeError(f"in worker {one.shard}:\n{one.trace}")
    found = {str(one.error): one.error for one in workers if one.error is not None}
    if found:
        raise next(iter(found.values()))


def _follow(
    job: Job, workers: list[_Worker], heard: "Queue[tuple[_Worker, dict[str, Any]]]", bar: progress.Bar
) -> None:
    """Hear all workers to their ends."""
    living = len(workers)
    while living:
        one, line = heard.get()
        if worker.ADVANCED in line:
            bar.advance(line[worker.ADVANCED])
        elif worker.SAID in line:
            _say(one, workers, line)
        elif worker.FAILED in line:
            one.trace = line.get(worker.TRACE, "")
            one.error = _error(line)
        elif GONE in line:
            code = _end(one.process)
            if _was_killed(code) and one.error is None and one.replaced < RETRIES:
                one.replaced += 1
                why = _why(code)
                log.warning("Worker %s was killed (%s), and is replaced: it goes on where it was.", one.shard, why)
                one.process = _started(job, one.shard)
                _listen(one, heard)
                continue
            living -= 1
            if code and one.error is None:
                one.error = MachineError(
                    f"Worker {one.shard} was killed {one.replaced + 1} times ({_why(code)}). Is there enough memory? "
                    "Give fewer --workers; what was written is kept, and the same command goes on."
                )


def _say(one: _Worker, workers: Sequence[_Worker], line: Mapping[str, Any]) -> None:
    """Hand on what a worker says: what others said as well is said once."""
    text = str(line[worker.SAID])
    if line[worker.LEVEL] >= logging.WARNING and not any(text in other.said for other in workers):
        log.log(int(line[worker.LEVEL]), "%s", text)
    one.said.add(text)


def _error(line: Mapping[str, Any]) -> AdtoolError:
    """The error of a worker, of a kind with its exit code."""
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AdtoolError))
    kind = next((kind for kind in kinds if kind.exit_code == line[worker.CODE]), AdtoolError)
    return kind(str(line[worker.FAILED]))


def _was_killed(code: int) -> bool:
    return code < 0 or code in (128 + signal.SIGKILL, 128 + signal.SIGTERM)


def _why(code: int) -> str:
    return f"signal {-code if code < 0 else code - 128}" if _was_killed(code) else f"exit code {code}"


def _started(job: Job, shard: Shard) -> subprocess.Popen[str]:
    """A process that does a shard."""
    config = job.config.model_copy(update={"shard": str(shard), "workers": None})
    kind = type(config)
    words = [*sys.argv[1:], "--shard", str(shard)] if Path(sys.argv[0]).stem == "adtool" else [job.label]
    message = {
        "module": job.module,
        "kind": [kind.__module__, kind.__name__],
        "config": config.model_dump(mode="json", exclude_defaults=True),
        "label": job.label,
        "level": log.getEffectiveLevel(),
        "words": words,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", worker.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **_share(job, shard)},
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it died at once, which is seen soon
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
    return process


def _share(job: Job, shard: Shard) -> dict[str, str]:
    """A worker's part of the machine: its threads, and one GPU if there are some."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    cores = parallel.core_count()
    mine = max(1, min(cores, int(threads) if threads.isdecimal() and int(threads) else cores) // shard.count)
    share = {"OMP_NUM_THREADS": str(mine), parallel.CORES: str(max(1, cores // shard.count))}
    if job.gpus:
        share["CUDA_VISIBLE_DEVICES"] = job.gpus[(shard.number - 1) % len(job.gpus)]
    return share


def _listen(one: _Worker, heard: Heard) -> None:
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
