"""Every example runs."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adtool
from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
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


@pytest.mark.slow
def test_before_and_after_are_drawn(tmp_path):
    data = tmp_path / "data"
    synthetic.run(synthetic.Config(out=data, category=("cap",), train=2, test=1, size=64))
    category = read_dataset(data).category("cap")
    for folder in ("maps", "refined"):
        adtool.write_maps(
            tmp_path / folder,
            "cap",
            [one.id for one in category.test],
            [np.random.default_rng(0).random((16, 16))] * len(category.test),
            data=data,
        )
    out = tmp_path / "picture.jpg"
    subprocess.run([sys.executable, EXAMPLES / "before_after.py", tmp_path, out], check=True)
    assert arrays.read_image(out).shape[0] >= 128


@pytest.mark.parametrize("script", sorted(EXAMPLES.rglob("*.sh")), ids=lambda path: path.name)
def test_shell_examples_are_sound(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


NIGHTLY = EXAMPLES / "ci" / "nightly.sh"


def nightly(workspace, *gates, programs=Path(sys.executable).parent):
    here = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    words = ["bash", NIGHTLY, workspace, *gates]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=here)


@pytest.mark.slow
@pytest.mark.usefixtures("instead_of_weights")
def test_the_nightly_job_fails_when_a_figure_is_not_reached(adtool, workspace, tiny_data, tmp_path):
    tiny_data.make(Path("data/parts"))
    for words in (
        ["maps", "--image-size", "64", "--set", "drawn=1000", "--set", "bank_size=64"],
        ["discover", "--classes", "3"],
    ):
        assert adtool(*words).code == 0
    # maps and discover are made: only what judges them is a process of its own, as each start takes seconds
    only_report = tmp_path / "bin" / "adtool"
    only_report.parent.mkdir()
    only_report.write_text(f'#!/bin/sh\n[ "$3" != report ] || exec {sys.executable} -m adtool "$@"\n')
    only_report.chmod(0o755)
    gates = ("image_auroc=0", "parts:nmi=0", "aupro=1.01", "pixel_ap=1.01")
    failed = nightly(workspace, *gates, programs=only_report.parent)
    assert failed.returncode == 1
    assert "Gate passed: classes:parts:nmi" in failed.stdout
    assert "2 of 4 gates failed" in failed.stderr
    assert "Gate failed: maps:mean:aupro" in failed.stderr
    assert "pixel_ap" in failed.stdout, "the table is printed all the same"


@pytest.mark.parametrize(("fails", "code", "steps"), [("none", 0, 3), ("discover", 5, 2), ("report", 2, 3)])
def test_the_nightly_job_makes_the_chain_anew_and_ends_as_its_first_failing_step(tmp_path, fails, code, steps):
    stub = tmp_path / "bin" / "adtool"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n[ "$3" != {fails} ] || exit {code}\n')
    stub.chmod(0o755)
    assert nightly("here", "aupro=0.7", "cap:nmi=0", programs=stub.parent).returncode == code
    called = (tmp_path / "called").read_text().splitlines()
    assert (
        called
        == [
            "-C here maps --force --quiet",
            "-C here discover --force --quiet",
            "-C here report --quiet --min aupro=0.7 --min cap:nmi=0",
        ][:steps]
    )


def test_the_nightly_job_wants_a_gate():
    assert nightly("here").returncode == 2


def run_parts(out, *parts):
    """The GPU check in its small form, some parts of it."""
    return subprocess.run(
        ["bash", EXAMPLES / "gpu" / "check.sh", out, "cpu"],
        env={**os.environ, "PARTS": " ".join(parts), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_gpu_check_goes_on_after_a_part_that_fails_and_says_so(tmp_path):
    done = run_parts(tmp_path, "patchcore", "data", "machine")  # in this order there is no data for the first
    assert done.returncode == 1
    assert "MissingInputError" in done.stdout
    states = {name: part["state"] for name, part in json.loads((tmp_path / "gpu.json").read_text())["parts"].items()}
    assert states.pop("patchcore").startswith("failed")
    assert set(states.values()) == {"done"}
    assert "**failed**" in (tmp_path / "gpu.md").read_text()


def test_a_part_that_the_gpu_check_does_not_know_is_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES / "gpu"))
    check = importlib.import_module("check")
    for name in ("check", "agreement", "chain", "speed", "training"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.argv", ["check.py", str(tmp_path), "cpu", "600", "patchkore"])
    with pytest.raises(SystemExit, match=r"There is no part patchkore\. There are: machine, data, patchcore, "):
        check.main()
