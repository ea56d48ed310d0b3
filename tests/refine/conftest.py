import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
import torch

from adtool.core import arrays, config, plugins
from adtool.detection.contract import About, Needs, Scored
from adtool.maps.config import MapsConfig
from adtool.maps.step import run as run_maps
from adtool.nn import smooth
from adtool.refine import blending
from adtool.refine.config import RefineConfig
from adtool.refine.step import run as run_refine

# A network that trains in a second, on a handful of images.
TINY = {
    "templates": "2",
    "matches": "6",
    "plane": "16",
    "width": "4",
    "painted": "8",
    "steps": "3",
    "batch": "4",
    "judged": "6",
}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Workspaces that tests begin with, kept for the next one that begins with the same."""
    known = {}

    def provide(key, workspace, make):
        if key in known:
            shutil.copytree(known[key], workspace, dirs_exist_ok=True)
        else:
            make()
            known[key] = tmp_path_factory.mktemp("made") / "workspace"
            shutil.copytree(workspace, known[key])

    return provide


@pytest.fixture
def parts(workspace, tiny_data, instead_of_weights, made, refine):
    """A workspace with a tiny data set and its maps; `parts("a", "b")` for two categories, perhaps a filter as well."""

    def make(*categories, train=9, detector="patchcore", trained=False):
        def work():
            tiny_data.make(Path("data/parts"), categories, train=train)
            quick = tiny_data.quick | ({} if detector == "patchcore" else {"settings": ()})
            run_maps(MapsConfig(detector=detector, **quick))
            if trained:
                refine(keep="never")
                shutil.rmtree("refined")

        made((categories, train, detector, trained), workspace, work)
        return Path("data/parts")

    return make


@pytest.fixture
def refine(monkeypatch):
    """`adtool refine` with a tiny network: `refine(seed=1, sets=["steps=5"])`."""
    monkeypatch.setattr(blending, "SIDE", 32)  # the judge has tests of its own

    def call(*, force=False, sets=(), **settings):
        values = TINY | dict(one.split("=") for one in sets)
        given = tuple(f"{name}={value}" for name, value in values.items())
        return run_refine(RefineConfig(settings=given, **settings), force=force)

    return call


# A detector that rebuilds every image as the mean of the normal ones


class Settings(config.Config):
    """It has none."""


class MeanModel:
    def __init__(self, means):
        self.means = means

    def score(self, seen):
        apart = torch.linalg.vector_norm(seen.layers[0] - self.means[0], dim=0)
        scores = smooth.enlarge(apart, 40, 56, blur=0)
        return Scored(seen.sample, scores, arrays.image_score(scores))

    def rebuild(self, seen):
        return seen.layers, self.means

    def tensors(self):
        return {str(number): mean for number, mean in enumerate(self.means)}

    def card(self):
        return {"image_score_rule": arrays.IMAGE_SCORE_RULE}


def fit(normals, settings):
    layers = zip(*(seen.layers for seen in normals.see()), strict=True)
    return MeanModel([torch.stack(layer).mean(dim=0) for layer in layers])


def load(stored, settings):
    return MeanModel([stored.tensors[name] for name in sorted(stored.tensors)])


@pytest.fixture
def rebuilder(monkeypatch):
    """The plug-in `rebuilder` is installed; its name."""
    module = ModuleType("a_rebuilder")
    module.ABOUT = About(trains=True, templates="reconstruction")
    module.PRESETS, module.Settings, module.fit, module.load = {}, Settings, fit, load
    module.needs = lambda settings, backbone: Needs(image_size=64)
    monkeypatch.setitem(sys.modules, "a_rebuilder", module)
    point = EntryPoint("rebuilder", "a_rebuilder", "adtool.detectors")
    monkeypatch.setattr(plugins, "_foreign", lambda group: {"rebuilder": point} if group == "detectors" else {})
    return "rebuilder"
