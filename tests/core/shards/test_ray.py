"""`--workers ray`: the tasks are Ray's, what they do is a worker's. A stand-in has the words of Ray that are used."""

import socket
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from adtool.core.errors import BadDataError, MachineError, UsageError
from adtool.core.shards import crews, jobs, ray_crew
from adtool.core.shards.jobs import Job
from adtool.core.shards.options import ShardOptions

STEP = """
import logging
from pathlib import Path
from adtool.core import progress
from adtool.core.errors import BadDataError
from adtool.core.outcome import Outcome
from adtool.core.shards.options import ShardOptions

class PartConfig(ShardOptions):
    category: tuple[str, ...] = ()

def run(config, *, force=False):
    name, = config.category
    if name == "bug":
        raise ValueError("oh")
    for _ in progress.track(range(3), "part"):
        logging.getLogger("adtool").warning("the same of all")
    if name == "bad" and config.part.number == 2:
        raise BadDataError("x is damaged. Mend it.")
    with Path("done").open("a") as file:
        file.write(f"{name} {config.shard}\\n")
    return Outcome("part", Path("."), done=[name])
"""


class DiedError(Exception):
    """Of an actor."""


class Pool:
    """Actors that do at once what they are given; that of a task in `dies` does not."""

    dies = ()

    def __init__(self, actors):
        self.actors, self.done = actors, []

    def submit(self, given, message):
        died = message["task"] in self.dies
        self.done.append(DiedError() if died else given(self.actors[0], message))

    def has_next(self):
        return bool(self.done)

    def get_next_unordered(self, timeout):
        found = self.done.pop(0)
        if isinstance(found, DiedError):
            raise found
        return found


class Actor:
    """Its methods are called where they stand."""

    def __init__(self, made):
        for name in ("version", "do", "hear"):
            setattr(self, name, SimpleNamespace(remote=getattr(made, name)))


@pytest.fixture
def ray(monkeypatch):
    """The stand-in; `asked` is what was asked of it."""
    found = ModuleType("ray")
    found.asked = []
    found.has = {"CPU": 16.0}
    found.init = lambda **given: found.asked.append(given)
    found.shutdown = lambda: found.asked.append("shutdown")
    found.cluster_resources = lambda: found.has
    found.nodes = lambda: [{"Alive": True, "Resources": found.has}]
    found.get = lambda given, timeout: given
    found.exceptions = SimpleNamespace(RayActorError=DiedError, RayError=DiedError, GetTimeoutError=TimeoutError)

    def remote(**options):
        found.asked.append(options)
        return lambda kind: SimpleNamespace(remote=lambda *given: Actor(kind(*given)))

    found.remote = remote
    found.util = ModuleType("ray.util")
    found.util.ActorPool = Pool
    monkeypatch.setitem(sys.modules, "ray", found)
    monkeypatch.setitem(sys.modules, "ray.util", found.util)
    monkeypatch.setattr(Pool, "dies", ())
    for name in ("OMP_NUM_THREADS", "ADTOOL_CORES"):  # which an actor sets
        monkeypatch.setenv(name, "8")
    return found


@pytest.fixture
def parts(workspace, monkeypatch, ray):
    """`parts("a", "b")`: what became of each shard of these categories, by two workers."""
    Path("parting.py").write_text(STEP)
    monkeypatch.syspath_prepend(str(workspace))
    monkeypatch.setattr(sys, "argv", ["adtool"])
    sys.modules.pop("parting", None)

    def call(*names):
        from parting import PartConfig

        crew = crews.asked_for(ShardOptions(workers="ray:2"))
        job = Job("parting", PartConfig(workers="ray:2"), "part", 6 * len(names), tasks=crew.tasks(names), out=Path())
        return crew.run(job)

    return call


def test_each_shard_of_each_category_is_a_task_of_one_job(parts, ray, caplog):
    found = parts("a", "b")
    assert sorted(found.done) == ["1/2 of a", "1/2 of b", "2/2 of a", "2/2 of b"]
    assert sorted(Path("done").read_text().splitlines()) == ["a 1/2", "a 2/2", "b 1/2", "b 2/2"]
    assert [one.getMessage() for one in caplog.records if one.module == "workers"] == ["the same of all"]
    own, actor = ray.asked[0], ray.asked[1]
    assert (own["address"], own["include_dashboard"]) == ("local", False)
    assert (actor["num_cpus"], actor["num_gpus"], actor["max_task_retries"]) == (8, 0.0, ray_crew.RETRIES)
    assert ray.asked[-1] == "shutdown"


def test_a_task_that_fails_or_whose_workers_die_stops_no_other_and_a_bug_is_one(parts, monkeypatch):
    monkeypatch.setattr(Pool, "dies", ("1/2 of c",))
    found = parts("bad", "c")
    assert sorted(found.done) == ["1/2 of bad", "2/2 of c"]
    assert isinstance(found.failed["2/2 of bad"], BadDataError)
    assert "Worker 1/2 of c was killed 3 times" in str(found.failed["1/2 of c"])
    with pytest.raises(RuntimeError, match=r"in a worker of Ray:\n(.*\n)*ValueError: oh"):
        parts("bug")


def test_as_many_workers_as_the_cluster_has_room_for(ray):
    def crew(workers="ray", **more):
        found = crews.asked_for(ShardOptions(workers=workers, **more))
        return found.count, found.cores, found.gpus

    assert crew() == (4, 4, 0.0), "a worker for every four cores"
    assert crew("ray:2") == (2, 8, 0.0)
    with pytest.raises(UsageError, match="the cluster has no GPU"):
        crew(gpus_per_worker=0.5)
    ray.has = {"CPU": 16.0, "GPU": 2.0}
    assert crew() == (2, 8, 1.0)
    assert crew(gpus_per_worker=0.5) == (4, 4, 0.5)


def test_another_version_of_adtool_and_a_folder_that_is_not_there_are_refused(parts, monkeypatch):
    monkeypatch.setattr(ray_crew.RayWorker, "version", lambda _: ("0.0.9", ""))
    with pytest.raises(BadDataError, match=r"has adtool 0\.0\.9, and this is"):
        parts("a")
    gone = ray_crew.RayWorker("no/where", 1, {}).__dict__["_problem"]
    monkeypatch.setattr(ray_crew.RayWorker, "version", lambda _: ("", gone))
    with pytest.raises(MachineError, match=r"no folder no/where on .* must see the same workspace"):
        parts("a")


def test_without_ray_or_a_cluster_the_way_to_one_is_said(monkeypatch, ray):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(MachineError, match=rf"cluster at {address} can't be reached .*ray start --head"):
        crews.asked_for(ShardOptions(workers="ray", address=address))
    with pytest.raises(UsageError, match="HOST:PORT"):
        crews.asked_for(ShardOptions(workers="ray", address="ray://head:10001"))
    ray.init = lambda **_: (_ for _ in ()).throw(ConnectionError("Could not find any running Ray instance."))
    with pytest.raises(MachineError, match="at auto can't be reached"):
        crews.asked_for(ShardOptions(workers="ray", address="auto"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"Ray is not installed: pip install '\.\[ray\]'"):
        crews.asked_for(ShardOptions(workers="ray"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": "ray:0"}, "from 1 to"),
        ({"workers": "dask"}, "from 1 to"),
        ({"workers": "2", "address": "h:1"}, "--address h:1 is of --workers ray"),
        ({"gpus_per_worker": 0.5}, "--gpus-per-worker 0.5 is of --workers ray"),
        ({"workers": "ray", "shard": "1/2"}, "exclude each other"),
    ],
)
def test_options_that_do_not_fit_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        ShardOptions(**given)


def test_tasks_of_one_shard_have_parts_of_their_own_in_each_category():
    tasks = jobs.of_shards_of_categories(("a", "1-of-2"), 2)
    assert len({task.part for task in tasks}) == 4
    assert all(task.part.isascii() and "/" not in task.part for task in tasks)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_itself_makes_what_one_process_makes(workspace, monkeypatch):
    pytest.importorskip("ray")
    import os
    import subprocess

    def adtool(*words):
        subprocess.run([sys.executable, "-m", "adtool", *words], check=True, capture_output=True, env=environment)

    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    adtool(
        "prep", "synthetic", "--category", "cap", "--category", "wood", "--train", "6", "--test", "2", "--size", "64"
    )
    quick = ("--set", "drawn=1000", "--set", "bank_size=64", "--image-size", "64")
    adtool("maps", *quick, "--out", "alone")
    adtool("maps", *quick, "--workers", "ray:2")
    files = sorted(path.relative_to("alone") for path in Path("alone").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to("maps") for path in Path("maps").rglob("*") if path.is_file())
    for path in files:
        if path.name != "_step.json":
            assert Path("alone", path).read_bytes() == Path("maps", path).read_bytes()
