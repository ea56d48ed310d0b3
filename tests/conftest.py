"""What more than one folder of tests needs: caches of their own, a tiny data set, a tiny network, the command line."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adtool.core import arrays

if "--benchmark-enable" not in sys.argv:
    # Tiny tensors gain nothing from threads, and threads that wait for each other spin: four times the time on a
    # busy machine. torch reads this when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SIZE = (40, 56)  # of the tiny images, (height, width)
KINDS = {"good": 2, "hole": 2, "scratch": 2}
# Seconds, not minutes: a small input, and few patches to choose a small memory from.
QUICK = {"image_size": 64, "settings": ("drawn=1000", "bank_size=64")}


@pytest.fixture(scope="session")
def graph_folder(tmp_path_factory):
    """Converting a network takes a second or more, so all tests share what they convert."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(autouse=True)
def own_caches(graph_folder, monkeypatch):
    """No test, and no process that it starts, reads or writes the caches of the person who runs it."""
    monkeypatch.setenv("ADTOOL_CACHE", str(graph_folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(graph_folder / "user"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("ADTOOL_WEIGHTS", raising=False)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty current folder."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def image(rng: np.random.Generator, kind: str = "good") -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with a bright hole or scratch, (H, W, 3) uint8, and the mask of it, (H, W) bool."""
    mask = np.zeros(SIZE, bool)
    if kind not in ("good", "unknown"):
        y, x = rng.integers(4, 20, 2)
        mask[y : y + 12, x : x + (12 if kind == "hole" else 3)] = True
    grey = rng.integers(100, 130, SIZE) + 120 * mask
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), mask


def make_data(root: Path, categories: Sequence[str] = (), *, train: int = 6, kinds: Mapping[str, int] = KINDS) -> Path:
    """A data set in MVTec AD layout; without categories one that has no category level."""
    rng = np.random.default_rng(0)
    for base in [root / name for name in categories] or [root]:
        for number in range(train):
            arrays.write_png(base / f"train/good/{number:03}.png", image(rng)[0])
        for kind, count in kinds.items():
            for number in range(count):
                pixels, mask = image(rng, kind)
                arrays.write_png(base / f"test/{kind}/{number:03}.png", pixels)
                if mask.any():
                    arrays.write_mask(base / f"ground_truth/{kind}/{number:03}_mask.png", mask)
    return root


@pytest.fixture
def tiny_data():
    """`make(root, categories)`, and `image(rng, kind)` for one picture."""
    return SimpleNamespace(make=make_data, image=image, size=SIZE, quick=dict(QUICK))


@pytest.fixture(scope="session")
def small_network():
    """A network with random weights, for tests of what happens around it."""
    import timm
    import torch

    from adtool.nn import backbone

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    return backbone.from_model("test_resnet", model, layers=(8, 16), engine="torch")


@pytest.fixture
def instead_of_weights(small_network, monkeypatch):
    """Every backbone that a step asks for is the tiny one."""
    from adtool.nn import backbone

    monkeypatch.setattr(backbone, "load", lambda *_, **__: small_network)
    return small_network


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory, small_network):
    """A workspace with maps of `parts` and their export, made once; tests copy it."""
    from adtool.export import step as export
    from adtool.export.config import ExportConfig
    from adtool.maps import step as maps
    from adtool.maps.config import MapsConfig
    from adtool.nn import backbone

    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(backbone, "load", lambda *_, **__: small_network)
        make_data(Path("data/parts"), train=12)
        maps.run(MapsConfig(**QUICK))
        export.run(ExportConfig())
    return folder


@pytest.fixture
def exported(exported_once, workspace):
    """A workspace with maps of `parts` and their export."""
    shutil.copytree(exported_once, workspace, dirs_exist_ok=True)
    return workspace


@pytest.fixture
def workers_in_process(monkeypatch):
    """Each worker's task is done here, one after the other, by what a process would be told; the tasks' names."""
    from adtool.core.shards import worker, workers
    from adtool.core.shards.jobs import Results

    monkeypatch.setattr(sys, "argv", ["adtool"])
    tasks = []

    def here(job, count):
        results = Results()
        for task in job.tasks:
            said = []
            worker.do(json.loads(json.dumps(job.message(task))), said.append)
            workers.keep(results, task, json.loads(json.dumps(said[-1])))
            tasks.append(task.name)
        return results

    monkeypatch.setattr(workers, "run", here)
    return tasks


@pytest.fixture
def adtool(monkeypatch, capsys):
    """The command line: `adtool("maps", "--json")` gives the exit code and what was printed."""
    from adtool.cli import app

    def call(*words: object) -> SimpleNamespace:
        monkeypatch.setattr("sys.argv", ["adtool", *map(str, words)])
        capsys.readouterr()
        code = app.run()
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return call
