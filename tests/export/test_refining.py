"""What refined the maps goes with an export: maps, scores and classes are those that `adtool inspect` gives."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import arrays
from adtool.export import comparing
from adtool.refine import blending
from adtool_runtime import load
from adtool_runtime.errors import BadDataError
from adtool_runtime.refining import mixing

pytestmark = pytest.mark.usefixtures("instead_of_weights")
FORMATS = ["openvino", *(["both"] if all(map(find_spec, ("onnx", "onnxruntime"))) else [])]
TINY = ("templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=3", "batch=4", "judged=6")
HOW = {
    "a filter": (TINY, ("--keep", "always")),
    "a filter, and scores anew": (TINY, ("--keep", "always", "--image-score", "refined")),
    "a filter of other layers' network": (TINY, ("--keep", "always", "--image-size", "96")),
    "a finished mix": ((*TINY, "weight=0.5", "blur_given=3", "blur_mixed=5", "top=400"), ("--keep", "always")),
    "free": (("judged=6",), ("--method", "free", "--keep", "always")),
    "free, and scores anew": (("judged=6",), ("--method", "free", "--keep", "always", "--image-score", "refined")),
    "the given maps": (("judged=6",), ("--method", "free", "--keep", "never")),
}
QUICK = ("the given maps",)


@pytest.fixture
def mapped(workspace, tiny_data, adtool, monkeypatch):
    monkeypatch.setattr(blending, "SIDE", 32)
    tiny_data.make(Path("data/parts"), train=12, kinds={"good": 4, "hole": 6, "scratch": 6})
    quick = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")
    assert adtool("maps", *quick).code == 0
    rng = np.random.default_rng(5)
    for kind in ("good", "hole", "scratch"):
        for number in range(2):
            arrays.write_png(Path(f"new/{kind}{number}.png"), tiny_data.image(rng, kind)[0])
    return workspace


def refined(adtool, how):
    sets, words = HOW[how]
    ran = adtool("refine", *words, *(word for one in sets for word in ("--set", one)))
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("how", [pytest.param(how, marks=() if how in QUICK else pytest.mark.slow) for how in HOW])
def test_maps_and_decisions_are_those_of_inspect(mapped, adtool, how, monkeypatch):
    # The tiny network is untrained and sees all places nearly alike, so that rounding decides which of them match.
    tolerance = 1e-2 if how == "a filter, and scores anew" else 1e-4
    monkeypatch.setattr(comparing, "TOLERANCE", tolerance)
    refined(adtool, how)
    format = FORMATS[-1]
    ran = adtool("export", "--with-refine", "--format", format)
    assert ran.code == 0, ran.err
    assert adtool("inspect", "new", "--maps", "refined").code == 0
    part = load("export/parts")
    rows = list(csv.DictReader(Path("inspected/inspect.csv").read_text().splitlines()))
    assert len(rows) == 6
    for row in rows:
        said = part.inspect(Path("new") / row["file"])
        assert said.score == pytest.approx(float(row["image_score"]), rel=tolerance)
        assert said.decision == row["decision"]
        own = arrays.read_scores(Path("inspected/maps") / Path(row["file"]).with_suffix(".tiff")).scores
        np.testing.assert_allclose(said.map, own, atol=1e-3 * float(np.abs(own).max()))
    manifest = json.loads(Path("export/parts/adtool.json").read_text())
    assert len(manifest["checked"]["engines"]) == (1 if format == "openvino" else 3)
    assert (manifest["refine"] is None) == (how == "the given maps")


@pytest.mark.slow
def test_maps_that_nothing_was_decided_about_are_mixed_by_ranks(mapped, adtool, monkeypatch):
    from adtool.refine import refine_category

    monkeypatch.setattr(
        refine_category,
        "decide",
        lambda made, given, eye, out, rule, detectors: refine_category._unjudged(rule, given, out, "too few"),
    )
    refined(adtool, "a filter")
    ran = adtool("export", "--with-refine")
    assert ran.code == 0, ran.err
    levels = Path("export/parts/levels.npy")
    assert np.load(levels).ndim == 1
    manifest = json.loads(Path("export/parts/adtool.json").read_text())
    assert manifest["checked"]["engines"][0]["map_difference"] < 0.02, "one rank of a few hundred"
    np.save(levels, np.zeros((2, 2)))
    from adtool_runtime.manifest import sha256

    manifest["files"]["levels.npy"] = {"sha256": sha256(levels), "bytes": levels.stat().st_size}
    Path("export/parts/adtool.json").write_text(json.dumps(manifest))
    with pytest.raises(BadDataError, match=r"levels\.npy"):
        load("export/parts")


@pytest.mark.slow
def test_classes_of_refined_maps_go_with_what_refined_them(mapped, adtool):
    refined(adtool, "free")
    assert adtool("discover", "--maps", "refined", "--classes", 2).code == 0
    without = adtool("export", "--with-classes")
    assert without.code == 3
    assert "--with-refine" in without.err
    ran = adtool("export", "--with-classes", "--with-refine", "--force")
    assert ran.code == 0, ran.err
    assert adtool("inspect", "new").code == 0
    part = load("export/parts")
    for row in csv.DictReader(Path("inspected/inspect.csv").read_text().splitlines()):
        said = part.inspect(Path("new") / row["file"])
        assert (said.class_name, said.decision) == (row["class"], row["decision"])


def test_refined_maps_are_asked_for(mapped, adtool):
    assert "adtool refine" in adtool("export", "--with-refine").err
    refined(adtool, "free")
    for words in (("--maps", "refined"), ("--with-refine", "--maps", "maps")):
        ran = adtool("export", *words)
        assert ran.code == 2
        assert "--with-refine" in ran.err


def test_log_odds_are_enlarged_with_aligned_corners():
    odds = np.array([[0, 2], [4, 6]], np.float32)
    found = mixing.probability(odds, 3, 3)
    expected = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 6]], np.float32)  # the middle is between its neighbours
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-expected)), rtol=1e-6)
    rough = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    torchs = torch.nn.functional.interpolate(
        torch.from_numpy(rough)[None, None], (33, 40), mode="bilinear", align_corners=True
    )
    np.testing.assert_allclose(mixing.probability(rough, 33, 40), torchs[0, 0].sigmoid().numpy(), rtol=1e-5)
    assert mixing.probability(np.array([[3.0]], np.float32), 2, 2) == pytest.approx(1 / (1 + np.exp(-3.0)))
