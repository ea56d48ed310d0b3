"""Ctrl-C, SIGTERM and a kill in a real process; then the same command goes on and finishes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adtool.core import arrays
from adtool.core.steps import notes

WORDS = ["maps", "--image-size", "64", "--set", "drawn=1000", "--set", "bank_size=64", "--batch-size", "1"]
# The command line itself, with maps that take their time.
SLOW = """
import time
from adtool.core import arrays
real = arrays.write_scores

def write(*arguments):
    time.sleep(0.1)
    real(*arguments)

arrays.write_scores = write
from adtool.__main__ import main
main()
"""
DEADLINE_S = 60


def maps():
    return sorted(Path("maps").rglob("*.tiff"))


def wait_for(process, count):
    started = time.monotonic()
    while len(maps()) < count:
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() - started < DEADLINE_S
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "Interrupted. What was written is kept; the same command goes on."),
        (signal.SIGTERM, 143, "Terminated. What was written is kept; the same command goes on."),
        pytest.param(signal.SIGKILL, -9, "", marks=pytest.mark.slow),
    ],
)
def test_what_was_stopped_goes_on(workspace, tiny_data, adtool, number, code, said):
    tiny_data.make(Path("data/parts"), kinds={"good": 10, "hole": 10})
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *WORDS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell makes what it runs in the background deaf to SIGINT, and all below inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(process, 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
    before = {path: path.stat().st_mtime_ns for path in maps() if not path.name.startswith(".")}
    assert 3 <= len(before) < 20
    for path in before:
        assert arrays.read_scores(path).image_score is not None, "whatever has its name is whole"
    assert notes.read_note(Path("maps/parts")).state == "running"
    assert adtool("report").code == 3, "what is not finished is not reported on"

    assert adtool(*WORDS).code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len([path for path in maps() if not path.name.startswith(".")]) == 20
    assert notes.is_done(Path("maps/parts"))
