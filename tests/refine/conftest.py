from pathlib import Path

import pytest

from adtool.maps.config import MapsConfig
from adtool.maps.step import run as run_maps
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


@pytest.fixture
def parts(workspace, tiny_data, instead_of_weights):
    """A workspace with a tiny data set and its maps; `parts("a", "b")` for two categories."""

    def make(*categories, train=9):
        tiny_data.make(Path("data/parts"), categories, train=train)
        run_maps(MapsConfig(**tiny_data.quick))
        return Path("data/parts")

    return make


@pytest.fixture
def refine():
    """`adtool refine` with a tiny network: `refine(seed=1, steps=5)`."""

    def call(*, force=False, sets=(), **settings):
        values = TINY | dict(one.split("=") for one in sets)
        given = tuple(f"{name}={value}" for name, value in values.items())
        return run_refine(RefineConfig(settings=given, **settings), force=force)

    return call
