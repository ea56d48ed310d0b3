"""The examples for clusters, with the variables that a scheduler sets; adtool is a script that says its words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CLUSTER = Path(__file__).parents[1] / "examples" / "cluster"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")


@pytest.fixture
def call(tmp_path):
    """`call(words, VARIABLE="1")`: what adtool was called with, or the exit code."""
    stub = tmp_path / "bin" / "adtool"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "$@" "threads=$OMP_NUM_THREADS"\n')
    stub.chmod(0o755)

    def run(*words, **variables):
        here = {"PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}", **variables}
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=here)
        return done.stdout.strip() or done.returncode

    return run


def test_a_loop_in_a_plain_shell_calls_every_shard(call):
    script = CLUSTER / "shard.sh"
    assert [call("bash", script, "work space", f"{k}/2") for k in (1, 2)] == [
        f"-C work space maps --shard {k}/2 threads=" for k in (1, 2)
    ]
    assert call("bash", script, "w", "1/2", "refine", "--method", "free") == (
        "-C w refine --shard 1/2 --method free threads="
    )
    assert call("bash", script, "w") == 2


def test_a_job_array_calls_every_shard_and_one_of_it_again(call):
    script = CLUSTER / "slurm.sh"
    array = {"SLURM_ARRAY_TASK_COUNT": "3", "SLURM_CPUS_PER_TASK": "4"}
    found = [call("bash", script, "w", SLURM_ARRAY_TASK_ID=str(k), **array) for k in (1, 2, 3)]
    assert found == [f"-C w maps --shard {k}/3 threads=4" for k in (1, 2, 3)]
    again = {"SHARDS": "8", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1"}
    assert call("bash", script, "w", "refine", "--keep", "always", **again) == (
        "-C w refine --shard 3/8 --keep always threads=1"
    )
    assert call("bash", script) == 2


def test_an_indexed_job_calls_every_shard(call):
    text = (CLUSTER / "kubernetes.yaml").read_text(encoding="utf-8")
    (command,) = re.findall(r"args: \['(.*)'\]", text)
    variables = dict(re.findall(r'\{name: (\w+), value: "?([^"}]+)"?\}', text))
    count = int(variables["SHARDS"])
    assert re.findall(r"completions: (\d+)", text) == re.findall(r"parallelism: (\d+)", text) == [str(count)]
    found = [call("sh", "-c", command, JOB_COMPLETION_INDEX=str(index), **variables) for index in range(count)]
    assert found == [f"-C /workspace maps --shard {k}/{count} threads=4" for k in range(1, count + 1)]
