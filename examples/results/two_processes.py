"""`adtool train` in two processes of torchrun against one: `two_processes.py WORKSPACE [KILLED_AFTER] -- TRAIN...`.

WORKSPACE has data/; TRAIN are the words after `adtool train`, for instance `dinomaly --backbone dinov2_vits14 --set
steps=100`. Trained are: in one process, in two, and begun in two and in one, killed (-9) and gone on with in one and in
two. The state is stored once a minute: a training that shall be killed is stopped after so many seconds (30), for a
minute, and killed after as many seconds more. Each process has one thread. A line each: seconds, the step from which it
went on, and how far the losses are from those of the first.
"""

import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

STORED_AFTER_S = 60.0
GOES_ON = re.compile(r"Goes on after step (\d+)")


def command(processes: int, words: list[str], models: Path) -> list[str]:
    """Of a training."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *(start if processes > 1 else []), "-m", "adtool", "train", *words, "--models", str(models)]


def family(process: int) -> list[int]:
    """A process and those that it started; torchrun's are in sessions of their own."""
    found = [process]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            if int(path.read_text().rpartition(")")[2].split()[1]) == process:
                found += family(int(path.parent.name))
    return found


def send(processes: list[int], what: signal.Signals) -> None:
    """Send a signal to those that live."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)


def trained(processes: int, words: list[str], models: Path, kill_after: float = 0.0) -> tuple[float, int]:
    """Train; seconds, and the step from which it went on."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        child = subprocess.Popen(
            command(processes, words, models),
            stdout=told,
            stderr=told,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            child.wait(kill_after or None)
        except subprocess.TimeoutExpired:
            everyone = family(child.pid)
            send(everyone, signal.SIGSTOP)
            time.sleep(STORED_AFTER_S)
            send(everyone, signal.SIGCONT)
            time.sleep(kill_after)
            send(everyone, signal.SIGKILL)
            child.wait()
        told.seek(0)
        text = told.read()
    if child.returncode and not kill_after:
        sys.exit(text)
    step = GOES_ON.search(text)
    return time.monotonic() - begun, int(step[1]) if step else 0


def losses(models: Path) -> list[float]:
    """The curve that was written."""
    (path,) = models.rglob("curves.csv")
    with path.open(newline="") as lines:
        return [float(row["loss"]) for row in csv.DictReader(lines)]


def main(workspace: str, kill_after: float, words: list[str]) -> None:
    """Print a line for each way."""
    os.chdir(workspace)
    with tempfile.TemporaryDirectory(dir=".") as root:
        seconds, _ = trained(1, words, Path(root, "one"))
        alone = losses(Path(root, "one"))
        print(f"one process: {seconds:.0f} s, losses {alone[0]:.4f} to {alone[-1]:.4f}", flush=True)
        for first, then in ((0, 2), (2, 1), (1, 2)):
            models = Path(root, f"{first}-{then}")
            if first:
                trained(first, words, models, kill_after)
            seconds, step = trained(then, words, models)
            apart = max(abs(one - other) for one, other in zip(losses(models), alone, strict=True))
            way = f"begun in {first}, gone on after step {step} in {then}" if first else f"{then} processes"
            print(f"{way}: {seconds:.0f} s, losses at most {apart:.1e} apart", flush=True)


if __name__ == "__main__":
    place = sys.argv.index("--")
    given = sys.argv[1:place]
    main(given[0], float(given[1]) if len(given) > 1 else 30.0, sys.argv[place + 1 :])
