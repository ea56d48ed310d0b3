"""Every example runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adtool.prep.datasets import synthetic

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_own_maps_end_in_a_report(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "own_maps.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "aupro" in done.stdout
    assert (tmp_path / "report" / "metrics.csv").exists()


@pytest.mark.parametrize("script", sorted(EXAMPLES.rglob("*.sh")), ids=lambda path: path.name)
def test_shell_examples_are_sound(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_nightly_job_fails_when_a_figure_is_not_reached(tmp_path):
    synthetic.run(synthetic.Config(out=tmp_path / "data/cap", category=("cap",), train=8, test=2, size=96))
    here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def nightly(*gates: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", EXAMPLES / "ci" / "nightly.sh", tmp_path, *gates]
        return subprocess.run(words, capture_output=True, text=True, check=False, env=here)

    passed = nightly("image_auroc=0", "cap:nmi=0")
    assert passed.returncode == 0, passed.stderr
    assert "Gate passed: classes:cap:nmi" in passed.stdout
    failed = nightly("image_auroc=0", "aupro=1.01", "speed=1")
    assert failed.returncode == 1
    assert "2 of 3 gates failed" in failed.stderr
    assert "Gate failed: maps:mean:aupro" in failed.stderr
    assert "pixel_ap" in failed.stdout, "the table is printed all the same"
    assert nightly().returncode == 2
