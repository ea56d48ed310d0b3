"""`--workers ray`: actors of a Ray cluster do the tasks of a job, on whichever machines it has.

Which actor does what, and that one that dies is made anew with its task, is Ray's work. An actor writes its maps and
tables itself, on a file system that all machines share; only lines about them travel. Ray's dashboard is not started,
and whoever reaches the ports of a cluster may run code on it: for trusted networks only.
"""

import importlib
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from adtool.core import plugin_files, progress
from adtool.core.errors import BadDataError, MachineError, UsageError
from adtool.core.shards import jobs, worker, workers
from adtool.core.shards.jobs import Job, Results, Task
from adtool.core.steps.provenance import surroundings
from adtool_runtime import parallel

RETRIES = workers.RETRIES
POLL_S = 0.5  # between two looks at what actors say
REACH_S = 5.0  # in which a cluster must answer
READY_S = 180.0  # in which actors must be there
CORES = 4  # of a cluster without GPUs that a worker is given, where no number of workers is
STORE_BYTES = 80 * 2**20  # of the object store of a cluster of our own, about the least: only lines travel
INSTALL = "Ray is not installed: pip install '.[ray]' in the checkout of adtool."

log = logging.getLogger("adtool")


class RayWorker:
    """An actor: a process on one of the machines that does tasks, and says how far it is when it is asked.

    Args:
        folder: of the workspace.
        cores: that it may use.
        shared: variables of the environment of whoever started it.
    """

    def __init__(self, folder: str, cores: int, shared: Mapping[str, str]) -> None:
        self._said: list[dict[str, Any]] = []
        self._turn = Lock()
        self._problem = "" if Path(folder).is_dir() else f"there is no folder {folder} on {socket.gethostname()}"
        # Before torch is imported, which reads the first.
        os.environ.update({**shared, "OMP_NUM_THREADS": str(cores), parallel.CORES: str(cores)})
        if not self._problem:
            os.chdir(folder)

    def version(self) -> tuple[str, str]:
        """The version of adtool here, and what is wrong here."""
        return _version(), self._problem

    def do(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do a task; the last line that it says, and the task's name."""
        last: dict[str, Any] = {}

        def speak(parts: Mapping[str, Any]) -> None:
            if worker.ENDED in parts or worker.FAILED in parts:
                last.update(parts)
                return
            with self._turn:
                self._said.append(dict(parts))

        with worker.telling(speak, message["level"]):
            worker.do(message, speak)
        return {**last, "task": message["task"]}

    def hear(self) -> tuple[int, list[dict[str, Any]]]:
        """Its process, and what it said since this was asked last."""
        with self._turn:
            said, self._said = self._said, []
        return os.getpid(), said


@dataclass
class _Heard:
    """An actor, and what it said."""

    actor: Any
    process: int = 0
    said: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class RayCrew:
    """Actors of a cluster that this process is connected with.

    Attributes:
        ray: the package.
        count: of the actors.
        cores: of each.
        gpus: of each, perhaps a part of one.
    """

    ray: ModuleType
    count: int
    cores: int
    gpus: float

    def tasks(self, names: Sequence[str]) -> list[Task]:
        """Each shard of each category."""
        return jobs.of_shards_of_categories(names, self.count)

    def run(self, job: Job) -> Results:
        """Do all tasks; one that fails does not stop the others.

        Raises:
            MachineError: workers could not be started.
            BadDataError: a machine has another version of adtool.
            RuntimeError: a bug in a worker.
        """
        try:
            with progress.bar(f"{job.label}, {self.count} Ray workers", job.total or len(job.tasks)) as bar:
                return self._run(job, bar)
        finally:
            self.ray.shutdown()

    def _run(self, job: Job, bar: progress.Bar) -> Results:
        actors = [self._actor(len(job.tasks)) for _ in range(min(self.count, len(job.tasks)))]
        self._require_ready(actors)
        heard = [_Heard(actor) for actor in actors]
        pool = self.ray.util.ActorPool(actors)
        level = log.getEffectiveLevel()
        names = {task.name: task for task in job.tasks}
        for task in job.tasks:
            pool.submit(_submitted, {**job.message(task), "level": level, "task": task.name})
        results, trace = Results(), ""
        while pool.has_next() and not trace:
            with suppress(self.ray.exceptions.RayActorError):  # its task is told of below
                line = _next(pool)
                if line is not None:
                    trace = line.get(worker.TRACE, "")
                    workers.keep(results, names[line["task"]], line)
                    if not job.total:
                        bar.advance(1)
            self._hear(heard, bar)
        if trace:
            raise RuntimeError(f"in a worker of Ray:\n{trace}")
        for name in names.keys() - results.done.keys() - results.failed.keys():
            results.failed[name] = workers.killed(names[name], RETRIES + 1, "told by Ray", workers.LESS)
        return results

    def _actor(self, tasks: int) -> Any:  # noqa: ANN401, Ray has no types of its own for them
        given = {name: os.environ[name] for name in (plugin_files.VARIABLE, "ADTOOL_CACHE") if name in os.environ}
        remote = self.ray.remote(
            num_cpus=self.cores,
            num_gpus=self.gpus,
            max_restarts=RETRIES * tasks,
            max_task_retries=RETRIES,
            max_concurrency=2,  # one does, the other tells
        )
        return remote(RayWorker).remote(str(Path.cwd()), self.cores, given)

    def _require_ready(self, actors: Sequence[Any]) -> None:
        try:
            found = self.ray.get([actor.version.remote() for actor in actors], timeout=READY_S)
        except self.ray.exceptions.GetTimeoutError:
            raise MachineError(
                f"{len(actors)} workers of {self.cores} cores and {self.gpus:g} GPUs were not there in {READY_S:.0f} "
                "s. Is the cluster busy? Give fewer, for instance --workers ray:2."
            ) from None
        except self.ray.exceptions.RayError as error:
            raise MachineError(
                f"Ray could not start a worker ({_first_line(error)}). Is adtool installed on every machine of the "
                "cluster, in the Python that runs Ray there?"
            ) from None
        for version, problem in found:
            if problem:
                raise MachineError(f"A worker can't work: {problem}. All machines must see the same workspace.")
            if version != _version():
                raise BadDataError(
                    f"A machine of the cluster has adtool {version}, and this is {_version()}. Install the same "
                    "everywhere."
                )

    def _hear(self, heard: Sequence[_Heard], bar: progress.Bar) -> None:
        """Hand on what actors said; one that does not answer is being made anew, or will be missed soon."""
        for one in heard:
            with suppress(self.ray.exceptions.RayError):
                process, lines = self.ray.get(one.actor.hear.remote(), timeout=REACH_S)
                if one.process not in (0, process):
                    log.warning("A worker of Ray died, and was replaced: it goes on where it was.")
                one.process = process
                for line in lines:
                    if worker.ADVANCED in line:
                        bar.advance(line[worker.ADVANCED])
                    else:
                        workers.say(one.said, [other.said for other in heard], line)


def connected(address: str | None, count: int | None, gpus: float | None) -> RayCrew:
    """Connect with a cluster, or start one of this machine alone.

    Args:
        address: HOST:PORT of a cluster, `auto` for the one that this machine belongs to, None for one of our own.
        count: of workers; by default as many as the cluster has GPUs for, or a worker for every four cores.
        gpus: of each worker; by default one, where there are some.

    Raises:
        UsageError: Ray is not installed, the address is none, or there is no GPU to share.
        MachineError: the cluster can't be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.util")
    except ImportError:
        raise UsageError(f"--workers ray: {INSTALL}") from None
    given: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        given |= {"include_dashboard": False, "num_cpus": parallel.core_count(), "object_store_memory": STORE_BYTES}
        address = "local"
    elif address != "auto":
        _require_reachable(address)
    try:
        ray.init(address=address, **given)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, _first_line(error)) from None
    try:
        return _crew(ray, count, gpus)
    except UsageError:
        ray.shutdown()
        raise


def _crew(ray: ModuleType, count: int | None, gpus: float | None) -> RayCrew:
    has = ray.cluster_resources()
    cores, cards = int(has.get("CPU", 1)), float(has.get("GPU", 0))
    if gpus and not cards:
        raise UsageError(f"--gpus-per-worker {gpus:g}: the cluster has no GPU. Leave it out.")
    each = (1.0 if gpus is None else gpus) if cards else 0.0
    if count is None:
        count = max(1, int(cards / each) if each else cores // CORES)
    smallest = min((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=cores)
    mine = max(1, min(cores // count, smallest or cores))
    return RayCrew(ray, count, workers.at_most(mine), each)


def _require_reachable(address: str) -> None:
    """Look whether anything answers, which Ray itself tries for minutes."""
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal()) or "/" in host:
        raise UsageError(
            f"--address {address}: HOST:PORT of the cluster's head is wanted, for instance 192.168.0.1:6379, or auto. "
            "adtool itself runs on a machine of the cluster."
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from None


def _unreachable(address: str, why: str) -> MachineError:
    return MachineError(
        f"The Ray cluster at {address} can't be reached ({why}). Start it with `ray start --head` and `ray start "
        "--address HOST:6379` on the others, and adtool on one of them; without --address a cluster of this machine "
        "alone is started."
    )


def _submitted(actor: Any, message: Mapping[str, Any]) -> Any:  # noqa: ANN401, of Ray
    return actor.do.remote(message)


def _next(pool: Any) -> dict[str, Any] | None:  # noqa: ANN401, of Ray
    """The last line of a task that ended; None if none did in this moment."""
    try:
        return dict(pool.get_next_unordered(timeout=POLL_S))
    except TimeoutError:
        return None


def _version() -> str:
    return str(surroundings()["versions"].get("adtool"))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
