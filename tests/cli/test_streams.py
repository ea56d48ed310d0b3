"""Output that nobody reads, and what a machine lacks: the exit code stays true, in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ADTOOL = f'"{sys.executable}" -m adtool'
BASH = "bash"


def shell(words, **environment):
    """An `adtool` command line of a shell: its exit code (that of the first part of a pipe), and what it said."""
    line = f"{words.replace('adtool', ADTOOL, 1)}; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        [BASH, "-c", line], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("adtool list --json >&-", 0),
        ("adtool list --json | true", 0),
        ("adtool --help | true", 0),
        ("adtool --help > /dev/full", 6),
        ("adtool report 2>&-", 3),
        ("adtool report 2>&1 >&- | true", 3),
    ],
)
def test_output_that_nobody_reads_changes_no_exit_code(words, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended, said = shell(words)
    assert ended == code, said
    assert "Traceback" not in said


def test_a_small_limit_of_memory_is_the_machines_fault(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = shell("ulimit -v 200000; adtool report")
    assert (code, said.count("\n")) == (6, 1), said


def test_a_user_without_a_home_has_a_cache_all_the_same(monkeypatch):
    from adtool.nn import weights

    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    weights._temporary_cache.cache_clear()
    folder = weights.user_cache()
    assert folder.is_dir()
    assert folder == weights.user_cache()
    weights._temporary_cache.cache_clear()


def test_a_folder_that_may_not_be_looked_into_holds_no_weights(monkeypatch):
    from adtool.nn import weights

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    assert not weights.is_file(Path("/root/.cache/weights"))
