"""Workers of a step that only counts: what they say arrives, one that dies is replaced, none outlives its driver."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adtool.core import progress
from adtool.core.errors import BadDataError, MachineError
from adtool.core.shards import jobs, workers
from adtool.core.shards.jobs import Job
from adtool.core.steps import locks

STEP = """
import errno, logging, os, time
from pathlib import Path
from adtool.core.steps import locks
from adtool.core import progress
from adtool.core.errors import BadDataError
from adtool.core.outcome import Outcome
from adtool.core.shards.options import ShardOptions
from adtool_runtime import parallel

class CountConfig(ShardOptions):
    how: str = ""

class CategoryConfig(ShardOptions):
    how: str = ""
    category: tuple[str, ...] = ()

def run(config, *, force=False):
    if isinstance(config, CategoryConfig):
        return run_category(config)
    name = config.part.name
    with Path(name).open("a") as file:
        file.write(f"{os.getpid()} {os.environ['OMP_NUM_THREADS']} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
    print("a library prints this")
    logging.getLogger("adtool").warning("the same of all")
    tries = len(Path(name).read_text().splitlines())
    for number in progress.track(range(3), f"count {name}"):
        if config.how == "sleeps":
            time.sleep(60)
        if number == 1 and config.part.number == 2:
            if config.how == "killed once" and tries == 1 or config.how == "killed":
                os.kill(os.getpid(), 9)
            if config.how == "bad":
                raise BadDataError("x is damaged. Mend it.")
            if config.how == "bug":
                raise ValueError("oh")
    return Outcome("count", Path("."))

def run_category(config):
    name, = config.category
    with locks.writing(Path("counts")):
        time.sleep(0.2)
        if name == "b" and "killed" in config.how:
            os.kill(os.getpid(), 9)
        if name == "b" and "full" in config.how:
            raise OSError(errno.ENOSPC, "No space left on device", "counts/b")
        Path("counts", name).write_text(str(os.getpid()))
    return Outcome("count", Path("counts"), done=[name])
"""
DRIVER = """
import sys; sys.path.insert(0, ".")
from counting import CountConfig
from adtool.core.shards import workers
from adtool.core.shards import jobs
workers.run(jobs.Job("counting", CountConfig(how="sleeps"), "count", 6, tasks=jobs.of_shards(2)), 2)
"""


@pytest.fixture
def count(workspace, monkeypatch):
    """`count("killed")`: three items by each of two workers; how many arrived."""
    Path("counting.py").write_text(STEP)
    monkeypatch.syspath_prepend(str(workspace))
    sys.modules.pop("counting", None)
    counting = importlib.import_module("counting")
    found = []

    class Bar:
        def advance(self, number):
            found.append(number)

        def close(self):
            pass

    def call(how="", gpus=()):
        found.clear()
        with progress.shown_by(lambda *_: Bar()):
            job = Job("counting", counting.CountConfig(how=how, workers="2"), "count", 6, gpus, jobs.of_shards(2))
            workers.run(job, 2).raise_first()
        return len(found)

    return call


def tries(number):
    return [line.split() for line in Path(f"{number}-of-2").read_text().splitlines()]


def test_each_worker_is_a_shard_with_its_part_of_the_machine_and_what_all_say_is_said_once(count, monkeypatch, caplog):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert count(gpus=("0", "3")) == 6
    assert [tries(number)[0][1:] for number in (1, 2)] == [["1", "0"], ["1", "3"]]
    assert tries(1)[0][0] != tries(2)[0][0]
    assert caplog.text.count("the same of all") == 1


def test_a_worker_that_dies_is_replaced_and_one_that_dies_again_and_again_is_an_error(count, caplog):
    assert count("killed once") == 7, "one item was done twice"
    assert len(tries(2)) == 2
    assert "Worker 2/2 was killed (signal 9), and is replaced" in caplog.text
    with pytest.raises(MachineError, match=r"Worker 2/2 was killed 3 times \(signal 9\).*fewer --workers"):
        count("killed")


def test_the_error_of_a_worker_is_that_of_the_command(count):
    with pytest.raises(BadDataError, match="x is damaged"):
        count("bad")
    with pytest.raises(RuntimeError, match=r"in worker 2/2:\n(.*\n)*ValueError: oh"):
        count("bug")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_no_worker_outlives_its_driver(count):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER])
    deadline = time.monotonic() + 60
    while not all(Path(f"{number}-of-2").exists() and tries(number) for number in (1, 2)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    for pid in (int(tries(number)[0][0]) for number in (1, 2)):
        while is_alive(pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in (Path(f"/proc/{pid}/stat").read_text().split(")")[-1][:3] if Path("/proc").is_dir() else "")


@pytest.mark.slow
def test_more_tasks_than_workers_are_done_one_after_the_other_and_one_that_fails_stops_no_other(count):
    del count
    from counting import CategoryConfig

    def done(how, names="abcde"):
        tasks = jobs.of_categories(names)
        job = Job("counting", CategoryConfig(how=how, workers="2"), "count", 0, tasks=tasks, out=Path("counts"))
        return workers.run(job, 2)

    found = done("", "abcde")
    assert [found.done[f"of {name}"]["done"] for name in "abcde"] == [[name] for name in "abcde"]
    assert len({Path(f"counts/{name}").read_text() for name in "abcde"}) == 2, "processes"
    found = done("b is killed")
    assert sorted(found.done) == ["of a", "of c", "of d", "of e"]
    assert "Worker of b was killed 3 times (signal 9)" in str(found.failed["of b"])
    found = done("the disk of b is full")
    assert sorted(found.done) == ["of a", "of c", "of d", "of e"]
    assert found.failed["of b"].exit_code == 6
    assert "The disk is full at counts/b" in str(found.failed["of b"])
    assert not list(Path("counts").glob(".adtool-lock*"))


def test_tasks_write_parts_of_a_folder_side_by_side_and_none_beside_the_whole(count):
    del count
    from counting import CategoryConfig

    job = Job("counting", CategoryConfig(), "count", 0, tasks=jobs.of_categories("a"), out=Path("counts"))
    with locks.writing(Path("counts"), "another"):
        assert list(workers.run(job, 1).done) == ["of a"]
    with locks.writing(Path("counts")):
        assert "counts is being written by" in str(workers.run(job, 1).failed["of a"])
