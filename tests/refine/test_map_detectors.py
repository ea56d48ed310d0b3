import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from adtool.core import layout
from adtool.core.layout import ModelFolder
from adtool.detection import origin
from adtool.detection.origin import MapsOrigin
from adtool.nn.options import EngineChoice
from adtool.refine import map_detectors
from adtool.refine.map_detectors import MapDetectors

SETTINGS = {"detector": "dinomaly", "joint": True, "steps": 800}


def note(folder, settings, *, command="fit dinomaly", seed=0, state="done"):
    folder.mkdir(parents=True)
    found = {"command": command, "settings": settings, "seed": seed, "state": state}
    (folder / layout.STEP_FILE).write_text(json.dumps(found))


@pytest.fixture
def maps(workspace):
    note(Path("maps/a"), SETTINGS | {"limit": None}, command="maps")
    return lambda: origin.of_maps(Path("maps"), "a", Path("models"))


def test_a_stale_model_of_the_category_does_not_hide_the_one_of_all_that_fits(maps):
    note(Path("models/dinomaly/a"), SETTINGS | {"joint": False})
    note(Path("models/dinomaly/_all"), SETTINGS)
    assert maps().model.path == Path("models/dinomaly/_all")


def test_a_stale_model_of_all_does_not_hide_the_one_of_the_category_that_fits(maps):
    note(Path("models/dinomaly/_all"), SETTINGS | {"steps": 5})
    note(Path("models/dinomaly/a"), SETTINGS)
    assert maps().model.path == Path("models/dinomaly/a")


def test_where_no_model_fits_all_that_were_looked_at_are_named(maps):
    note(Path("models/dinomaly/_all"), SETTINGS, seed=1)
    note(Path("models/dinomaly/a"), SETTINGS | {"steps": 5})
    found = maps()
    assert found.model is None
    assert "dinomaly/a and" in found.reason and "dinomaly/_all were made with other settings" in found.reason


def test_an_unfinished_model_is_none(maps):
    note(Path("models/dinomaly/a"), SETTINGS, state="running")
    assert "no model of dinomaly" in maps().reason


def test_a_backbone_is_loaded_once_for_all_detectors_of_a_kind(monkeypatch):
    opened = []

    def open_model(folder, _, *, as_learned):
        assert not as_learned, "in the precision of refine"
        opened.append(folder.path.name)
        return SimpleNamespace(folder=folder, frame=f"frame {len(opened)}")

    def load(plugin, folder, frame):
        return SimpleNamespace(folder=folder, frame=frame)

    monkeypatch.setattr(map_detectors.stored, "open_model", open_model)
    monkeypatch.setattr(map_detectors.scoring, "load", load)
    detectors, models = MapDetectors(Path("models"), EngineChoice()), []
    for name, steps in (("a", 800), ("b", 5), ("c", 800)):
        found = MapsOrigin(ModelFolder(Path("models/dinomaly") / name), 0, "", SETTINGS | {"steps": steps})
        models.append(detectors.again(found)[0])
    assert opened == ["a", "b"]
    assert [(one.folder.path.name, one.frame) for one in models] == [
        ("a", "frame 1"),
        ("b", "frame 2"),
        ("c", "frame 1"),
    ]
