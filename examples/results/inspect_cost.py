"""Processor time of `adtool inspect` for one more image: `inspect_cost.py WORKSPACE ONE MANY CHECKOUT...`.

ONE and MANY are folders of one and of many new images. What both runs cost alike (starting, loading the network) drops
out of the difference. Each checkout of adtool's repository is measured in turn, so that all have the same machine.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def seconds(workspace: Path, new: Path, checkout: Path) -> float:
    """Processor time of one run, on all threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "adtool", "inspect", str(new), "--out", f"{out}/inspected"]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        subprocess.run(command, cwd=workspace, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(workspace: Path, one: Path, many: Path, checkouts: list[Path]) -> None:
    """Print a line for each checkout, three times."""
    more = sum(1 for path in many.iterdir() if path.is_file()) - 1
    for _ in range(3):
        for checkout in checkouts:
            few, all_of_them = (seconds(workspace, new, checkout) for new in (one, many))
            print(f"{checkout.name}: {1000 * (all_of_them - few) / more:.1f} ms an image, {few:.1f} s to start")


if __name__ == "__main__":
    first, *others = (Path(word).resolve() for word in sys.argv[1:])
    main(first, others[0], others[1], others[2:])
