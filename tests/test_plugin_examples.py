"""The examples of a detector, a data set, a metric and a format are short, and work as they stand."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import MapsFolder

EXAMPLES = Path(__file__).parents[1] / "examples" / "plugins"
GROUPS = {
    "detectors": "gaussians",
    "prep.datasets": "plates",
    "report.metrics": "found_at_two_percent",
    "convert.formats": "text",
}
MOST_LINES = 50


@pytest.fixture
def package(tmp_path, monkeypatch):
    """All examples as an installed package: one entry point each."""
    site = tmp_path / "site"
    info = site / "adtool_examples-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: adtool-examples\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("".join(f"[adtool.{g}]\n{name} = {name}\n" for g, name in GROUPS.items()))
    for name in GROUPS.values():
        (site / f"{name}.py").write_text((EXAMPLES / f"{name}.py").read_text())
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(site))


def test_each_example_is_short_and_says_what_it_is():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(GROUPS.values())
    for path in EXAMPLES.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= MOST_LINES, path.name
        assert lines[0].startswith('"""')


def test_the_example_detector_is_what_list_prints_as_a_template():
    packaged = EXAMPLES.parents[1] / "adtool" / "detectors" / "_template.py"  # a wheel has no examples
    assert packaged.read_bytes() == (EXAMPLES / "gaussians.py").read_bytes()


def test_the_example_detector_finds_defects_and_its_limit_decides(
    workspace, package, tiny_data, adtool, instead_of_weights
):
    tiny_data.make(Path("data/parts"), train=20)
    assert "gaussians" in adtool("list", "detectors").out
    said = adtool("maps", "--detector", "gaussians", "--image-size", "64", "--set", "least=0.1")
    assert said.code == 0, said.err
    rows = MapsFolder(Path("maps")).image_rows("parts")
    scores = {row["id"].split("/")[1]: float(row["image_score"]) for row in rows}
    assert scores["good"] < min(scores["hole"], scores["scratch"])
    assert {row["decision"] for row in rows} == {"OK", "NOK"}
    stored = MapsFolder(Path("maps")).scores("parts", "test/hole/000").read_bytes()
    assert adtool("maps", "--detector", "gaussians", "--image-size", "64", "--set", "least=0.1", "--out", "b").code == 0
    assert MapsFolder(Path("b")).scores("parts", "test/hole/000").read_bytes() == stored, "the stored model, read again"
    assert adtool("maps", "--detector", "gaussians", "--set", "least=0").code == 2


def test_the_example_data_set_is_prepared_with_its_masks(workspace, package, tiny_data, adtool):
    rng = np.random.default_rng(0)
    for number in range(10):
        arrays.write_png(Path(f"raw/ok/{number}.png"), tiny_data.image(rng)[0])
        pixels, mask = tiny_data.image(rng, "hole")
        arrays.write_png(Path(f"raw/ng/{number}.png"), pixels)
        arrays.write_mask(Path(f"raw/ng/{number}_gt.png"), mask)
    said = adtool("prep", "plates", "--source", "raw")
    assert said.code == 0, said.err
    (category,) = read_dataset(Path("data/plates")).categories.values()
    assert (len(category.train), len(category.test)) == (9, 11)
    assert all((one.mask is not None) == (one.kind == "defect") for one in category.test)
    assert adtool("prep", "plates", "--source", "nowhere").code == 3
    assert "already done" in adtool("prep", "plates", "--source", "raw").err


def test_the_example_metric_and_format_are_measured_and_come_back(workspace, package, tiny_data, adtool):
    from adtool import write_maps

    data = tiny_data.make(Path("data/parts"))
    (category,) = read_dataset(data).categories.values()
    scores = [np.full((8, 8), float(one.kind != "good"), np.float32) + k / 7 for k, one in enumerate(category.test)]
    write_maps("maps", "parts", [one.id for one in category.test], scores, data=data)
    assert adtool("report").code == 0
    with Path("report/metrics.csv").open(newline="", encoding="utf-8") as file:
        found = {row["metric"]: row["value"] for row in csv.DictReader(file)}
    assert float(found["found_at_two_percent"]) == 1.0
    assert adtool("convert", "--to", "text").code == 0
    assert adtool("convert", "converted/text", "--from", "text", "--data", "data/parts", "--out", "back").code == 0
    for one, wanted in zip(category.test, scores, strict=True):
        np.testing.assert_array_equal(
            arrays.read_scores(MapsFolder(Path("back")).scores("parts", one.id)).scores, wanted
        )
    Path("converted/text/parts/test/hole/000.txt").write_text("no number")
    assert adtool("convert", "converted/text", "--from", "text", "--data", "data/parts", "--out", "c").code == 3
