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
from adtool.core.shards import workers
from adtool.core.shards.workers import Job

STEP = """
import logging, os, time
from pathlib import Path
from adtool.core import progress
from adtool.core.errors import BadDataError
from adtool.core.outcome import Outcome
from adtool.core.shards.options import ShardOptions
from adtool_runtime import parallel

class CountConfig(ShardOptions):
    how: str = ""

def run(config, *, force=False):
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
"""
DRIVER = """
import sys; sys.path.insert(0, ".")
from counting import CountConfig
from adtool.core.shards import workers
workers.run(workers.Job("counting", CountConfig(how="sleeps"), "count", 6), 2)
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
            workers.run(Job("counting", counting.CountConfig(how=how, workers="2"), "count", 6, gpus), 2)
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
