"""Two processes of torchrun train as one does: the same losses, and weights that go on with another number."""

import os
import subprocess
import sys

import pytest

from adtool.core import files
from adtool.core.errors import UsageError
from adtool.nn import processes

# A training of Dinomaly's decoder on features that are drawn; the words are its folder and how many steps to do.
TRAIN = """
import sys
from pathlib import Path
import torch
from adtool.detectors._dinomaly import train as training
from adtool.detectors._dinomaly.network import Reconstructor, ReconstructorSizes
from adtool.nn import processes, training_checkpoint

class Cache:
    def __len__(self):
        return 12
    def batches(self, order, size):
        for start in range(0, len(order), size):
            draws = [torch.Generator().manual_seed(number) for number in order[start : start + size]]
            yield [torch.stack([torch.randn(17, 32, generator=draw) for draw in draws]) for _ in range(2)]

folder, stop = Path(sys.argv[1]), int(sys.argv[2])
if processes.rank():
    processes.leave(processes.serve())
torch.manual_seed(0)
network = Reconstructor(ReconstructorSizes(channels=32, blocks=2, groups=2, prefix=1, noise=0.2))
plan = training.DinomalySchedule(steps=50, batch=4, peak=2e-3, last=2e-4, warm_up=5, easy_until=20,
                                 weight_decay=1e-4, seed=3)
training.training.ROW_EVERY, training_checkpoint.SAVE_EVERY_S = 1, 0.0
real = training.TrainingJournal.row
def row(journal, step, *values):
    real(journal, step, *values)
    if step == stop:
        raise KeyboardInterrupt
training.TrainingJournal.row = row
try:
    training.train(Cache(), network, plan, folder, torch.device("cpu"))
except KeyboardInterrupt:
    sys.exit(9)
if processes.count() > 1:
    processes.end()
"""
# A training of the filter on features that are drawn, of two categories. In double precision and at a low rate: as
# it is usual, a change of all weights by 1e-7 of them moves the losses of one process by 5e-3 within five steps.
FILTER = """
import sys
from pathlib import Path
import numpy as np
import torch
from adtool.nn import processes
from adtool.refine import train as training
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import FeatureStore

torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double

def doubled(part):
    return [doubled(one) for one in part] if isinstance(part, list | tuple) else None if part is None else part.double()

inputs = training.inputs
training.inputs = lambda *given: doubled(inputs(*given))

def stored(count, seed):
    rng = np.random.default_rng(seed)
    masks = (rng.random((count, 32, 32)) > 0.7).astype(np.uint8) * 255
    return FeatureStore([rng.normal(size=(count, 3, 4, 4)).astype(np.float16)], masks)

training.ROW_EVERY, training.SAVE_EVERY_S = 1, 0.0
if processes.rank():
    processes.leave(processes.serve())
labels, sources = np.array([0, 0, 0, 1, 1, 1]), np.array([2, 0, 1, 3, 4, 3])
lesson = training.TrainingSet(stored(6, 0), labels, sources, stored(5, 1), [np.array([0, 1, 2]), np.array([3, 4])])
settings = FilterSettings(templates=1, matches=2, plane=16, width=4, reduced=1, batch=4, steps=50, painted=4,
                          rate=1e-5)
folder, stop = Path(sys.argv[1]), int(sys.argv[2])
if stop:
    real = training.checkpoint.write
    def write(folder, parts, steps, rows):
        real(folder, parts, steps, rows)
        if steps == stop:
            sys.exit(9)
    training.checkpoint.write = write
training.train(lesson, settings, 0, torch.device("cpu"), folder)
if processes.count() > 1:
    processes.end()
"""


# The same of one category, whose class is not learned.
ONE_CATEGORY = FILTER.replace("[0, 0, 0, 1, 1, 1]", "[0] * 6").replace(
    "[np.array([0, 1, 2]), np.array([3, 4])]", "[np.arange(5)]"
)


OF_ONE = pytest.param(ONE_CATEGORY, marks=pytest.mark.slow)


@pytest.fixture(params=[TRAIN, FILTER, OF_ONE], ids=["dinomaly", "filter", "filter-one"])
def curve(tmp_path, request):
    """`curve("two", 2)`: the losses of a training in so many processes."""
    script = tmp_path / "train.py"
    script.write_text(request.param)

    def call(name, count, stop=0):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
        done = subprocess.run(
            [sys.executable, *start, str(script), str(folder), str(stop)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert bool(done.returncode) == bool(stop), done.stderr
        return [] if stop else [float(row["loss"]) for row in files.read_csv(folder / "curves.csv")]

    return call


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun's rendezvous")
def test_two_processes_have_the_losses_of_one(curve):
    alone = curve("one", 1)
    assert len(alone) == 50
    assert len(set(alone)) > 40
    assert curve("two", 2) == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun's rendezvous")
def test_a_training_goes_on_with_another_number_of_processes(curve):
    alone = curve("one", 1)
    curve("changed", 1, stop=20)
    assert curve("changed", 2) == pytest.approx(alone, abs=1e-4)
    curve("back", 2, stop=20)
    assert curve("back", 1) == pytest.approx(alone, abs=1e-4)


def test_a_batch_that_can_not_be_divided_is_refused(monkeypatch):
    monkeypatch.setenv(processes.STARTED, "none")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match="batch=4 can't be divided among 3 processes"):
        processes.require_share(4)
