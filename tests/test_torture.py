"""The small form of `make torture`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEADLINE_S = 600


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_kills_two_runs_at_once_and_damaged_files_lose_nothing_and_leave_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--small"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
