"""What `adtool --help` costs: at most 2.5 times as much as importing typer (examples/results/README.md, "Speed")."""

import subprocess
import sys
import time

import pytest

MAX_RATIO = 2.5
TURNS = 7


def seconds(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@pytest.mark.slow
def test_help_costs_at_most_two_and_a_half_times_typer(capsys):
    # In turns, and the best of each: other work on the machine disturbs both alike.
    times = [(seconds("-c", "import typer"), seconds("-m", "adtool", "--help")) for _ in range(TURNS)]
    typer, ours = (min(column) for column in zip(*times, strict=True))
    with capsys.disabled():
        print(f"\nadtool --help {ours:.3f} s, import typer {typer:.3f} s, ratio {ours / typer:.2f}")
    assert ours / typer <= MAX_RATIO
