"""Runs of adtool as processes of their own, without the seconds that importing torch takes: forks of this one."""

import importlib
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core.errors import EXIT_INTERRUPTED

TIMEOUT_S = 180.0  # of a run that takes seconds: one that lasts longer hangs
HUNG = -1000
LOST = 99  # of a command that ended without an exit code of its own
WRITES = "writes"  # file of the number of files that a run renamed into place


@dataclass
class Run:
    """A running or finished `adtool`.

    Attributes:
        pid: of the process.
        words: of the command line.
        logs: folder with its output.
        code: exit code, -9 for SIGKILL, `HUNG`, None while it runs.
        seconds: it took.
    """

    pid: int
    words: Sequence[str]
    logs: Path
    code: int | None = None
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """The exit code; a run that does not end is killed and called hung."""
        while self.code is None and time.monotonic() - self.started < timeout_s:
            self._look()
            time.sleep(0.002)
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.code = HUNG
        return self.code

    def kill_after(self, seconds: float, number: int) -> int:
        """Send a signal when it has run for so long, if it still does; the exit code."""
        while self.code is None and time.monotonic() - self.started < seconds:
            self._look()
            time.sleep(0.001)
        if self.code is None:
            os.kill(self.pid, number)
        return self.wait()

    def _look(self) -> None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - self.started

    @property
    def output(self) -> str:
        """What it said."""
        return (self.logs / "output").read_text(errors="replace")

    @property
    def writes(self) -> int:
        """How many files it renamed into place."""
        return int((self.logs / WRITES).read_text())


def start(words: Sequence[str], workspace: Path, *, die_at_write: int = 0, name: str = "logs") -> Run:
    """Start `adtool` in a workspace.

    Args:
        words: of the command line.
        workspace: current folder; what is said and temporary files go beside it.
        die_at_write: SIGKILL instead of the n-th renaming of a written file into place, 0 for never.
        name: of the folder with its output, for one of several that run at once.
    """
    logs = workspace.with_name(f"{workspace.name}-{name}")
    scratch = scratch_of(workspace)
    for folder in (logs, scratch):
        folder.mkdir(exist_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Run(pid, words, logs)
    code = LOST
    try:
        code = _ended(words, workspace, logs, scratch, die_at_write)
    except KeyboardInterrupt:  # the signal came before the command began, or after it had ended
        code = EXIT_INTERRUPTED
    finally:
        os._exit(code)  # whatever happened, this process must not go on as the torturer


def _ended(words: Sequence[str], workspace: Path, logs: Path, scratch: Path, die_at_write: int) -> int:
    """Run `adtool` in this process; its exit code."""
    code = LOST
    try:
        _become(words, workspace, logs, scratch, die_at_write)
        from adtool.__main__ import main

        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:  # noqa: BLE001, whatever it is, it is wrong that it came so far
        sys.stderr.write(f"Traceback: {error!r}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def scratch_of(workspace: Path) -> Path:
    """Where the runs in a workspace keep temporary files."""
    return workspace.with_name(f"{workspace.name}-tmp")


def _become(words: Sequence[str], workspace: Path, logs: Path, scratch: Path, die_at_write: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.open(logs / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(workspace)
    os.environ["TMPDIR"] = str(scratch)
    tempfile.tempdir = None
    sys.argv = ["adtool", *words]
    real, count = os.replace, 0

    def replace(source: str, target: str) -> None:
        nonlocal count
        count += 1
        if count == die_at_write:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
        (logs / WRITES).write_text(str(count))

    os.replace = replace  # type: ignore[assignment]


def warm_up(folder: Path, *, trains: bool = True) -> None:
    """Import everything that a run needs, once for all, and keep it single-threaded: a fork has one thread only.

    Args:
        folder: for weights and caches.
        trains: whether trainings are run, which need more.
    """
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", ADTOOL_CACHE=str(folder / "graphs"))
    os.environ.update(ADTOOL_WEIGHTS=str(folder / "weights"), XDG_CACHE_HOME=str(folder / "cache"), COLUMNS="200")
    import cv2
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    cv2.setNumThreads(0)
    import sklearn.cluster  # noqa: F401

    from adtool.nn import training_checkpoint
    from adtool.refine import train

    training_checkpoint.SAVE_EVERY_S = (
        train.SAVE_EVERY_S
    ) = -1  # every step, so that kills fall between two stored states
    names = ["prep.datasets.folder", "maps.step", "discover.step", "report.step", "inspect.step", "detectors.patchcore"]
    if trains:
        names += ["refine.step", *(f"detectors.{name}" for name in ("cfa", "dinomaly", "hvqtrans", "musc"))]
    for name in names:
        importlib.import_module(f"adtool.{name}")
    _write_weights(folder / "weights")


def _write_weights(folder: Path) -> None:
    """Two tiny networks with random weights: what is computed does not matter here, only that it is always the same."""
    import timm
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    for name in ("test_resnet", "test_vit"):
        torch.manual_seed(0)
        save_file(timm.create_model(name, pretrained=False).state_dict(), folder / f"{name}.safetensors")
