"""Which stored model made some maps."""

from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.layout import ModelFolder
from adtool.detection import origin

SETTINGS = {"detector": "patchcore", "bank_size": 100}


def note(folder, command, settings, seed=0, result=None):
    document = {"command": command, "state": "done", "settings": settings, "seed": seed, "inputs": {}}
    files.write_json(folder / "_step.json", document | ({"result": result} if result else {}))


def model(name, weights, *, seed=0, **settings):
    """A model below models/patchcore/."""
    folder = Path("models/patchcore") / name
    note(folder, "train", SETTINGS | settings, seed)
    (folder / "weights.safetensors").write_bytes(weights)
    return folder


def maps(which=None, *, seed=0, **settings):
    """Maps of `parts`, which name the model they were made by, or none."""
    result = {"made_by": {"model": "../../models/patchcore/parts", "weights": which}} if which else None
    note(Path("maps/parts"), "maps", SETTINGS | settings, seed, result)


def found():
    return origin.of_maps(Path("maps"), "parts", Path("models"))


@pytest.fixture(autouse=True)
def _here(workspace):
    pass


def test_maps_name_their_model_wherever_it_lies_and_whatever_its_settings_say():
    newest = model("parts", b"newest")
    kept = model("_kept/parts/0a1b", b"kept", bank_size=7)
    maps(origin.weights_id(ModelFolder(kept)))
    assert found().model.path == kept
    maps(origin.weights_id(ModelFolder(newest)))
    assert found().model.path == newest


def test_maps_of_an_earlier_version_name_none_and_get_one_of_their_settings_and_seed():
    model("parts", b"other seed", seed=1)
    kept = model("_kept/parts/0a1b", b"same seed")
    maps()
    assert found().model.path == kept
    assert found().held_out is None
    maps(held_out=0.25)
    assert found().model is None
    assert "made with other settings than the maps" in found().reason


def test_a_model_whose_weights_are_others_now_is_taken_only_if_it_was_made_alike():
    folder = model("parts", b"made again")
    maps("0" * 16)
    assert found().model.path == folder
    maps("0" * 16, bank_size=7)
    assert found().model is None


def test_what_adtool_did_not_make_and_what_is_gone_is_said():
    note(Path("maps/parts"), "write_maps", {})
    assert found().reason == "the maps were not made by adtool"
    maps()
    assert found().reason == "there is no model of patchcore in models to run again"
