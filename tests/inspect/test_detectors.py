"""New images go through the detector and the filter that the classes came from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays
from adtool.core.errors import MissingInputError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.steps import notes
from adtool.detectors import dinomaly
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn import backbone
from adtool.refine import blending
from adtool.refine import step as refine
from adtool.refine.config import RefineConfig

from .conftest import by_file, discover_classes, run, table

TINY_FILTER = ("templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=3", "batch=4", "judged=6")


def assert_as_before(before, category, prefix="test/"):
    """What `inspect` made of the images of a category is what the steps before it made."""
    rows = table()
    for row in before.image_rows(category):
        key = row["id"].removeprefix(prefix)
        again = arrays.read_scores(Path("inspected/maps", f"{key}.tiff")).scores
        np.testing.assert_allclose(again, arrays.read_scores(before.scores(category, row["id"])).scores, atol=1e-3)
        assert float(rows[f"{key}.png"]["image_score"]) == pytest.approx(float(row["image_score"]), rel=1e-4)
        assert rows[f"{key}.png"]["decision"] == row["decision"]
    classes = ClassesFolder(Path("classes") / category).image_rows()
    assert {file: row["class"] for file, row in rows.items()} == by_file(classes, "class")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"image_score": "refined"}], ids=["given", "refined"])
def test_refined_maps_are_refined_again(mapped, monkeypatch, settings):
    monkeypatch.setattr(blending, "SIDE", 32)
    refine.run(RefineConfig(settings=TINY_FILTER, keep="always", **settings))
    discover_classes()
    run(unknown=0)
    assert_as_before(MapsFolder(Path("refined")), "parts")


@pytest.mark.slow
def test_a_filter_that_was_not_judged_mixes_ranks_again(workspace, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/parts"), train=2)  # too few to hold any out
    maps.run(MapsConfig(**tiny_data.quick))
    refine.run(RefineConfig(settings=TINY_FILTER))
    discover_classes(classes="2")
    run(unknown=0)
    assert notes.read_note(Path("refined/parts")).result.taken == "not judged"
    assert_as_before(MapsFolder(Path("refined")), "parts")


@pytest.mark.slow
def test_kept_maps_of_a_filter_that_lost_are_the_detectors(mapped, monkeypatch):
    monkeypatch.setattr(blending, "SIDE", 32)
    refine.run(RefineConfig(settings=TINY_FILTER, keep="never"))
    discover_classes()
    run(unknown=0)
    assert_as_before(MapsFolder(Path("maps")), "parts")


@pytest.mark.slow
def test_one_model_of_all_categories_and_its_reconstructions_serve_as_well(workspace, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/parts"), ("bolt", "nut"))
    tiny = ("epochs=1", "layers=8,16", "width=8", "hidden=8", "depth=1", "codes=4")
    maps.run(MapsConfig(detector="hvqtrans", image_size=64, settings=tiny))
    refine.run(RefineConfig(settings=TINY_FILTER, keep="always"))
    discover_classes(classes="2")
    run("data/parts/nut/test", category="nut", unknown=0)
    assert_as_before(MapsFolder(Path("refined")), "nut")


def test_a_filter_that_is_gone_is_explained(mapped, monkeypatch):
    monkeypatch.setattr(blending, "SIDE", 32)
    refine.run(RefineConfig(settings=TINY_FILTER, keep="always"))
    shutil.rmtree("models/costfilter")
    with pytest.raises(MissingInputError, match=r"not at models/costfilter/parts any more.*adtool refine --force"):
        run()


@pytest.mark.parametrize("name", ["cfa", "dinomaly"])
def test_every_detector_with_a_model_looks_at_new_images(workspace, tiny_data, instead_of_weights, monkeypatch, name):
    settings = ("epochs=1",)
    if name == "dinomaly":
        torch.manual_seed(0)
        model = timm.create_model("test_vit", pretrained=False)
        blocks = dinomaly.encoder_blocks(len(model.blocks))
        network = backbone.from_model("test_vit", model, layers=blocks, engine="torch")
        monkeypatch.setattr(backbone, "load", lambda *_, **__: network)
        settings = ("steps=6",)
    tiny_data.make(Path("data/parts"))
    maps.run(MapsConfig(detector=name, image_size=64, settings=settings, backbone="test_vit"))
    discover_classes(classes="2")
    run(unknown=0)
    assert_as_before(MapsFolder(Path("maps")), "parts")
