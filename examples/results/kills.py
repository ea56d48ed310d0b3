"""kill -9 at random moments of `maps --workers 2`: `python examples/results/kills.py WORKSPACE [WORKERS DRIVERS]`.

WORKSPACE has data/ and the models of its maps. Each trial kills a worker (20 times by default) or the driver (10 times)
at a moment drawn by a seed; then the same command is given again, where it did not end well, and the maps are compared
with those of one process, notes aside. One that does not end in ten times its time hangs.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "adtool", "maps", "--quiet"]
NOTE, HANGS = "_step.json", 10


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the notes."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NOTE)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def workers_of(driver: int) -> list[int]:
    """Processes that it started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:  # it has just ended
            continue
        if int(text.rpartition(")")[2].split()[1]) == driver:
            found.append(int(path.parent.name))
    return found


def trial(out: Path, whole: float, rng: random.Random, *, worker: bool) -> tuple[float, int]:
    """Kill once and go on; the moment, and how many commands it took."""
    shutil.rmtree(out, ignore_errors=True)
    moment = rng.uniform(0.1, 1.0) * whole
    command = [*COMMAND, "--workers", "2", "--out", str(out)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    driver = subprocess.Popen(command, **quiet)
    time.sleep(moment)
    alive = workers_of(driver.pid) if worker else [driver.pid]
    if alive and driver.poll() is None:
        os.kill(rng.choice(alive), signal.SIGKILL)
    commands, code = 1, driver.wait(HANGS * whole)
    while code:
        commands += 1
        code = subprocess.run(command, check=False, timeout=HANGS * whole, **quiet).returncode
    return moment, commands


def main(workspace: str, workers: str = "20", drivers: str = "10") -> None:
    """Print a line a trial."""
    os.chdir(workspace)
    for name in ("killed", "unharmed", "alone"):
        shutil.rmtree(name, ignore_errors=True)
    subprocess.run([*COMMAND, "--out", "alone"], check=True, capture_output=True)
    begun = time.monotonic()
    subprocess.run([*COMMAND, "--workers", "2", "--out", "unharmed"], check=True, capture_output=True)
    whole, expected, rng = time.monotonic() - begun, content(Path("alone")), random.Random(0)
    different = int(content(Path("unharmed")) != expected)
    for number in range(int(workers) + int(drivers)):
        is_worker = number < int(workers)
        moment, commands = trial(Path("killed"), whole, rng, worker=is_worker)
        same = content(Path("killed")) == expected
        different += not same
        print(f"{'worker' if is_worker else 'driver'} killed after {moment:.1f} of {whole:.1f} s, {commands} commands, "
              f"{'the same bytes' if same else 'DIFFERENT'}", flush=True)  # fmt: skip
    print(f"{different} of {int(workers) + int(drivers)} differ")
    sys.exit(bool(different))


if __name__ == "__main__":
    main(*sys.argv[1:])
