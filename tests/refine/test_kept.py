"""Maps of two settings in one workspace: the first are refined and inspected with their own model."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from adtool.core import arrays
from adtool.core.steps import notes
from adtool.detection import origin
from adtool.detection import store as stored
from adtool.inspect import step as inspect
from adtool.inspect.config import InspectConfig
from adtool.maps.config import MapsConfig
from adtool.maps.step import run as run_maps
from adtool.refine import train


@pytest.fixture
def two(parts, tiny_data):
    """`maps/`, and then `maps-small/` of another size of the input."""
    parts(trained=True)
    small = tiny_data.quick | {"image_size": 32}
    run_maps(MapsConfig(out=Path("maps-small"), **small))
    return tiny_data.quick


def sizes():
    return sorted(json.loads(path.read_text())["image_size"] for path in Path("models/patchcore").rglob("model.json"))


def result(folder):
    return notes.read_note(Path(folder) / "parts").whole_result


def test_the_first_maps_are_done_judged_and_inspected_after_the_second(two, refine, monkeypatch):
    assert sizes() == [32, 64]
    with monkeypatch.context() as patch:
        patch.setattr(stored, "learn", lambda *_: pytest.fail("learned again"))
        assert run_maps(MapsConfig(**two)).skipped == ["parts"]
        refine()
    assert result("refined")["judged"]
    found = inspect.run(InspectConfig(new=Path("data/parts/test"), maps=Path("maps"), out=Path("inspected")))
    assert found.done
    for one in Path("inspected/maps").rglob("*.tiff"):
        name = Path("maps/parts/test") / one.relative_to("inspected/maps")
        assert arrays.read_scores(one).image_score == pytest.approx(arrays.read_scores(name).image_score, rel=1e-5)


def test_maps_made_again_take_the_kept_model(two, monkeypatch):
    shutil.rmtree("maps")
    monkeypatch.setattr(stored, "learn", lambda *_: pytest.fail("learned again"))
    assert run_maps(MapsConfig(**two)).done == ["parts"]
    assert json.loads(Path("models/patchcore/parts/model.json").read_text())["image_size"] == 64


def test_a_filter_of_other_maps_is_kept_too_and_inspect_finds_the_one_that_refined(two, refine, monkeypatch):
    refine(keep="always")
    assert refine(keep="always", maps=Path("maps-small"), out=Path("refined-small")).done == ["parts"]
    place = origin.ModelFolder(Path("models/costfilter/parts"))
    which = [result(name)["filter_weights"] for name in ("refined", "refined-small")]
    assert which[1] == origin.weights_id(place) and origin.same(place, which[0]).is_kept
    new = {"new": Path("data/parts/test"), "maps": Path("refined")}
    assert inspect.run(InspectConfig(**new)).done
    shutil.rmtree("refined")
    monkeypatch.setattr(train, "losses", lambda *_: pytest.fail("trained again"))
    assert refine(keep="always").done == ["parts"]


def test_what_cannot_be_judged_is_said_with_a_way_out_before_training(parts, refine, monkeypatch, caplog):
    parts()
    shutil.rmtree("models")
    said = []
    real = train.losses
    monkeypatch.setattr(train, "losses", lambda *args: (said.append(caplog.text), real(*args))[1])
    with caplog.at_level(logging.WARNING, logger="adtool"):
        refine()
    assert "parts: the maps can't be judged, since there is no model of patchcore" in said[0]
    assert "adtool maps --force" in said[0]
    assert not result("refined")["judged"]
