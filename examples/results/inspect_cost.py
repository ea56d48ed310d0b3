"""Processor time of `adtool inspect` for one more image: `inspect_cost.py WORKSPACE ONE MANY CHECKOUT...`.

ONE and MANY are folders of one and of many new images. What both runs cost alike (starting, loading the network) drops
out of the difference; both run in one process that has looked at ONE before. Each checkout of adtool's repository is
measured in turn, so that all have the same machine.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

TIMES = 5
MEASURE = """
import sys, tempfile, time
from pathlib import Path
from adtool.inspect import step
from adtool.inspect.config import InspectConfig

def seconds(new):
    started = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        step.run(InspectConfig(new=Path(new), out=Path(out) / "inspected"))
    return time.process_time() - started

one, many = sys.argv[1:]
seconds(one)
print(seconds(many) - seconds(one))
"""


def seconds(workspace: Path, one: Path, many: Path, checkout: Path) -> float:
    """Processor time on all threads that MANY takes longer than ONE."""
    command = [sys.executable, "-c", MEASURE, str(one), str(many)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=workspace, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main(workspace: Path, one: Path, many: Path, checkouts: list[Path]) -> None:
    """Print the median of each checkout, in milliseconds an image."""
    more = sum(1 for path in many.iterdir() if path.is_file()) - 1
    found: dict[str, list[float]] = {}
    for _ in range(TIMES):
        for checkout in checkouts:
            found.setdefault(checkout.name, []).append(1000 * seconds(workspace, one, many, checkout) / more)
    for name, each in found.items():
        print(f"{name}: {statistics.median(each):.1f} ms an image (" + ", ".join(f"{one:.1f}" for one in each) + ")")


if __name__ == "__main__":
    first, *others = (Path(word).resolve() for word in sys.argv[1:])
    main(first, others[0], others[1], others[2:])
