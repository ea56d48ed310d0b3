"""Classes go with an export as data, and pictures get those that `adtool inspect` gives them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool_runtime import __main__, load
from adtool_runtime.classes import pooling
from adtool_runtime.errors import BadDataError

pytestmark = pytest.mark.usefixtures("instead_of_weights")
KINDS = {"good": 6, "hole": 8, "scratch": 8}


@pytest.fixture
def classed(workspace, tiny_data, adtool):
    """A workspace with maps and classes, and new pictures of which some are strange."""
    tiny_data.make(Path("data/parts"), train=8, kinds=KINDS)
    quick = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")
    assert adtool("maps", *quick).code == 0
    assert adtool("decide", "--false-alarms", "0.2").code == 0
    ran = adtool("discover", "--classes", 3)
    assert ran.code == 0, ran.err
    rng = np.random.default_rng(5)
    for kind in ("good", "hole", "scratch"):
        for number in range(3):
            arrays.write_png(Path(f"new/{kind}{number}.png"), tiny_data.image(rng, kind)[0])
    arrays.write_png(Path("new/strange.png"), rng.integers(0, 255, (40, 56, 3)).astype(np.uint8))
    return workspace


def judged_by_adtool(adtool, *words):
    ran = adtool("inspect", "new", "--force", *words)
    assert ran.code == 0, ran.err
    return {row["file"]: row for row in csv.DictReader(Path("inspected/inspect.csv").read_text().splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 96], ids=["by the detector's network", "by a network of their own"])
def test_pictures_get_the_class_that_inspect_gives_them(classed, adtool, size):
    assert adtool("discover", "--classes", 3, "--image-size", size, "--force").code == 0
    ran = adtool("export", "--with-classes")
    assert ran.code == 0, ran.err
    part = load("export/parts")
    rows = judged_by_adtool(adtool)
    assert (part.manifest.classes.input is None) == (size == 64)
    assert {row["class"] for row in rows.values()} >= {"normal", "unknown"}, "else this says little"
    for name, row in rows.items():
        said = part.inspect(Path("new") / name)
        assert said.class_name == row["class"], name
        assert said.confidence == pytest.approx(float(row["confidence"]), abs=1e-4)
    checked = json.loads(Path("export/parts/adtool.json").read_text())["checked"]["engines"][0]
    assert checked["classed_otherwise"] == 0


@pytest.mark.slow
def test_the_share_of_unknown_ones_is_asked_for_and_stays_data(classed, adtool, capsys):
    assert adtool("export", "--with-classes", "--unknown", 0).code == 0
    assert load("export/parts").manifest.classes.unknown is None
    names = {row["class"] for row in judged_by_adtool(adtool, "--unknown", 0).values()}
    found = {said.class_name for _, said in load("export/parts").inspect_many(sorted(Path("new").iterdir()))}
    assert found == names
    assert "unknown" not in found
    path = Path("export/parts/adtool.json")
    manifest = json.loads(path.read_text())
    manifest["classes"]["unknown"] = 1e-9
    manifest["classes"]["names"][0] = "good"
    path.write_text(json.dumps(manifest))
    assert __main__.main(["export/parts", "new", "--json"]) == 0
    pictures = json.loads(capsys.readouterr().out)["pictures"]
    assert {one["class"] for one in pictures} == {"good", "unknown"}
    assert all(0 <= one["confidence"] <= 1 for one in pictures)


@pytest.mark.slow
def test_an_export_with_other_classes_is_made_again(classed, adtool):
    assert adtool("export", "--with-classes").code == 0
    before = Path("export/parts/classes.npz").read_bytes()
    assert adtool("discover", "--classes", 2, "--force").code == 0
    ran = adtool("export", "--with-classes")
    assert ran.code == 2, "it was made with other classes"
    assert adtool("export", "--with-classes", "--force").code == 0
    assert Path("export/parts/classes.npz").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("discover", "--features", "crops"), 2, "leave out --with-classes"),
        (("maps", "--image-size", 48, "--set", "drawn=1000", "--set", "bank_size=64"), 3, "discover --force"),
        (("discover", "--classes", 3, "--out", "elsewhere"), 3, "No classes at nowhere"),
    ],
)
def test_classes_that_can_not_go_with_it_are_an_error(classed, adtool, words, code, says):
    assert adtool(*words, "--force").code == 0
    ran = adtool("export", "--with-classes", *(("--classes", "nowhere") if "elsewhere" in words else ()))
    assert ran.code == code
    assert says in ran.err


def spoiled(change):
    path = Path("export/parts/classes.npz")
    with np.load(path) as file:
        tensors = {name: file[name] for name in file.files}
    change(tensors)
    np.savez(path, **tensors)
    manifest = json.loads(Path("export/parts/adtool.json").read_text())
    from adtool_runtime.manifest import sha256

    manifest["files"]["classes.npz"] = {"sha256": sha256(path), "bytes": path.stat().st_size}
    Path("export/parts/adtool.json").write_text(json.dumps(manifest))


@pytest.mark.slow
def test_tensors_that_do_not_fit_are_refused(classed, adtool):
    assert adtool("export", "--with-classes").code == 0
    spoiled(lambda tensors: tensors.update(centres=tensors["centres"][:, 1:]))
    with pytest.raises(BadDataError, match="centres"):
        load("export/parts")
    spoiled(lambda tensors: tensors.pop("axes"))
    with pytest.raises(BadDataError, match="no `axes`"):
        load("export/parts")
    spoiled(lambda tensors: tensors.update(axes=np.array([["a"]], dtype=object)))
    with pytest.raises(BadDataError, match="can't be read"):
        load("export/parts")


def test_tokens_are_pooled_where_the_guide_says_less_their_plain_mean():
    tokens = np.array([[[1.0, 3], [5, 7]]], np.float32)  # one channel on 2 x 2 places, the mean is 4
    guide = np.array([[0, 0], [0, np.log(3)]], np.float32)  # weights 1/6, 1/6, 1/6, 3/6: (1 + 3 + 5 + 3 * 7) / 6 = 5
    assert pooling.differences([tokens, 2 * tokens], guide) == pytest.approx([1, 2])
