"""A workspace whose parts were mapped and sorted into classes, on a tiny network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import arrays, files
from adtool.discover import step as discover
from adtool.discover.config import DiscoverConfig
from adtool.discover.ncd import trunk
from adtool.inspect import step as inspect
from adtool.inspect.config import InspectConfig
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig

KINDS = {"good": 8, "hole": 6, "scratch": 6}
QUICK = ("epochs=2", "views=2", "side=32", "hidden=16", "heads=2", "batch=8")


@pytest.fixture
def mapped(workspace, tiny_data, instead_of_weights, monkeypatch, kept):
    """`data/parts` and `maps/parts`."""
    monkeypatch.setattr(trunk, "load", lambda *_, **__: trunk.FrozenStages(instead_of_weights, torch.device("cpu")))

    def make():
        tiny_data.make(Path("data/parts"), train=12, kinds=KINDS)
        maps.run(MapsConfig(**tiny_data.quick))

    kept("mapped", make)
    return workspace


@pytest.fixture
def found(mapped, kept):
    """`mapped`, with `classes/parts`."""
    kept("found", discover_classes)
    return mapped


@pytest.fixture
def kept(workspace, tmp_path_factory):
    """Makes a workspace once, and copies it for every other test that begins with the same."""

    def provide(name, make):
        place = tmp_path_factory.getbasetemp() / f"inspect-{name}"
        if place.exists():
            shutil.copytree(place, workspace, dirs_exist_ok=True)
        else:
            make()
            shutil.copytree(workspace, place)

    return provide


def discover_classes(**settings):
    quick = {"settings": QUICK} if settings.get("method") == "trained" else {}
    return discover.run(DiscoverConfig(**{"classes": "3", **quick, **settings}))


def run(new="data/parts/test", *, force=False, **settings):
    return inspect.run(InspectConfig(new=Path(new), **settings), force=force)


def write_new(tiny_data, folder, count=4, kinds=("good", "hole", "scratch")):
    """Pictures that were not there before, one folder a kind."""
    rng = np.random.default_rng(7)
    for kind in kinds:
        for number in range(count):
            arrays.write_png(Path(folder) / kind / f"{number}.png", tiny_data.image(rng, kind)[0])
    return Path(folder)


def table(out="inspected"):
    return {row["file"]: row for row in files.read_csv(Path(out, "inspect.csv"))}


def by_file(rows, column):
    """Of the images of data/parts/test, as `table` names them."""
    return {f"{row['id'].removeprefix('test/')}.png": row[column] for row in rows}
