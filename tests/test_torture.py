"""The small form of `make torture`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import workspace

ROOT = Path(__file__).parents[1]
DEADLINE_S = 600


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_kills_two_runs_at_once_and_damaged_files_lose_nothing_and_leave_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--small"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_a_kill_may_leave_half_a_file_under_a_temporary_name_only(tmp_path):
    (tmp_path / ".metrics.part7.json").write_bytes(b"")
    assert workspace.differences(workspace.snapshot(tmp_path), {}) == ["left over: .metrics.part7.json"]
    (tmp_path / "metrics.json").write_bytes(b"")
    with pytest.raises(ValueError, match=r"metrics\.json: Expecting value"):
        workspace.snapshot(tmp_path)
