import json
import shutil
from pathlib import Path

import pytest

from adtool.core import files, layout
from adtool.core.layout import ModelFolder
from adtool.core.steps import kept_models
from adtool.detection import origin

SEED = {"seed": 0, "state": "done", "inputs": {}}


def model(folder, size, detector="patchcore"):
    one = ModelFolder(Path(folder))
    settings = {"detector": detector, "backbone": "tiny", "image_size": size}
    noted = {"noted": {"time": "2026-01-02T03:04:05+0000"}}
    files.write_json(one.path / layout.STEP_FILE, {"command": f"fit {detector}", "settings": settings, **SEED, **noted})
    files.write_json(one.path.parent / layout.STEP_FILE, {"command": f"fit {detector}", "categories": {}})
    files.write_bytes(one.weights, bytes(200_000) + bytes([size]))
    return one


def maps(folder, size, result, command="maps"):
    settings = {"detector": "patchcore", "backbone": "tiny", "image_size": size, "limit": None}
    note = {"command": command, "settings": settings, **SEED, "result": result}
    files.write_json(Path(folder) / "parts" / layout.STEP_FILE, note)
    files.write_json(Path(folder) / layout.STEP_FILE, {"command": command, "categories": {"parts": "done"}})


@pytest.fixture
def stored(workspace):
    """Three models of parts: two kept, one of which no maps need, and the newest; a filter."""
    place = model("models/patchcore/parts", 32)
    maps("maps", 32, origin.noted(place, Path("maps")))
    kept_models.put_away(place.path, lambda _: [])
    kept_models.put_away(model("models/patchcore/parts", 48).path, lambda _: [])
    maps("results/maps-new", 64, origin.noted(model("models/patchcore/parts", 64), Path("results/maps-new")))
    model("models/costfilter/parts", 8, "costfilter")
    maps("refined", 32, {"filter": "models/costfilter/parts"}, command="refine")


def rows(adtool):
    told = adtool("models", "list", "--json")
    assert told.code == 0, told.err
    return {row["image size"]: row for row in json.loads(told.out)["rows"]}


def test_every_model_is_listed_with_the_maps_that_need_it(stored, adtool):
    found = rows(adtool)
    assert {size: (row["state"], row["used by"]) for size, row in found.items()} == {
        8: ("newest", "refined"),
        32: ("kept", "maps"),
        48: ("kept", "-"),
        64: ("newest", "results/maps-new"),
    }
    assert found[32]["name"].startswith("patchcore/_kept/parts/")
    shown = {name: found[64][name] for name in ("name", "detector", "category", "backbone", "made", "MB")}
    assert list(shown.values()) == ["patchcore/parts", "patchcore", "parts", "tiny", "2026-01-02", 0.2]


def test_what_no_maps_need_is_removed_with_unused(stored, adtool):
    told = adtool("models", "remove", "--unused")
    assert told.code == 0
    assert "Removed 1 model, 0.2 MB" in told.out + told.err
    assert set(rows(adtool)) == {8, 32, 64}
    assert adtool("models", "remove", "--unused").code == 0


def test_what_maps_need_is_removed_with_force_only(stored, adtool):
    refused = adtool("models", "remove", "patchcore/parts")
    assert refused.code == 2
    assert "needed by results/maps-new" in refused.err and "--force" in refused.err
    assert adtool("models", "remove", "patchcore/parts", "--force").code == 0
    assert set(rows(adtool)) == {8, 32, 48}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--unused"),
        (("patchcore/parts", "--unused"), 2, "--unused"),
        (("patchcore/nut",), 3, "No model 'patchcore/nut' in models"),
        (("../maps/parts",), 3, "No model '../maps/parts'"),
        (("patchcore/_kept",), 3, "No model"),
    ],
)
def test_what_cannot_be_removed_is_said_and_nothing_is_lost(stored, adtool, words, code, said):
    told = adtool("models", "remove", *words)
    assert (told.code, said in told.err) == (code, True), told.err
    assert len(rows(adtool)) == 4


def test_nothing_is_removed_while_nobody_knows_what_some_maps_need(stored, adtool):
    Path("maps/parts/_step.json").write_text("{")
    assert adtool("models", "list").code == 0
    told = adtool("models", "remove", "--unused")
    assert told.code == 3 and "maps/parts/_step.json is damaged" in told.err
    assert Path("models/patchcore/parts").exists()


def test_only_models_are_listed_whichever_folder_is_given(stored, adtool):
    told = adtool("models", "list", "--models", ".", "--json")
    assert json.loads(told.out)["rows"] == []


def test_an_interrupted_training_is_not_removed_as_unused(stored, adtool):
    maps("results/maps-new", 99, {})
    path = Path("models/patchcore/parts/_step.json")
    path.write_text(path.read_text().replace('"done"', '"running"'))
    assert adtool("models", "remove", "--unused").code == 0
    assert rows(adtool)[64]["state"] == "not finished"


def test_a_workspace_without_models_has_none(workspace, adtool):
    assert adtool("models", "list").code == 0
    assert not Path("models").exists()


def test_a_model_whose_place_is_empty_is_listed_too(stored, adtool):
    shutil.rmtree("models/patchcore/parts")
    assert set(rows(adtool)) == {8, 32, 48}
