"""What every plug-in must keep to; a new file is found by itself. And a detector that comes with another package."""

import inspect
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from adtool.core import arrays, config, plugins
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder
from adtool.detection import contract
from adtool.detection.options import Quality
from adtool.metrics.ranking import ImageScores
from adtool.report import table
from adtool.report.html import results
from adtool.report.table import CategoryReport

DETECTORS, DATASETS, METRICS = (plugins.names(group) for group in ("detectors", "prep.datasets", "report.metrics"))
TEMPLATES = {"normals", "reconstruction", "others", ""}


def say_what_they_are(settings):
    for name, field in settings.model_fields.items():
        assert field.description, f"{name} has no description"
        assert field.description.endswith((".", ")")), f"{name}: a description is a sentence"


@pytest.mark.parametrize(
    ("group", "name"),
    [("detectors", n) for n in DETECTORS]
    + [("prep.datasets", n) for n in DATASETS]
    + [("report.metrics", n) for n in METRICS],
)
def test_a_plug_in_loads_and_says_what_it_is_in_its_first_line(group, name):
    module = plugins.load(group, name)
    first = (module.__doc__ or "").strip().splitlines()[0]
    assert len(first) > 10
    assert plugins.about(group, name) == first


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_declares_what_it_can_do(name):
    detector = contract.load_plugin(name)
    assert isinstance(detector.ABOUT, contract.About)
    assert detector.ABOUT.templates in TEMPLATES
    assert issubclass(detector.Settings, config.Config)
    detector.Settings()  # every setting has a default
    say_what_they_are(detector.Settings)
    for preset in detector.PRESETS:
        settings = contract.settings_of(name, detector, [f"preset={preset}"])
        try:
            needs = detector.needs(settings, "tf_efficientnet_lite0")
        except UsageError as error:  # it wants a transformer, and says which
            assert "--backbone dinov2_vits14" in str(error)
            needs = detector.needs(settings, "dinov2_vits14")
        assert isinstance(needs, contract.Needs)
        assert needs.image_size >= 32
    for quality, each in getattr(detector, "QUALITIES", {}).items():
        assert quality in get_args(Quality)
        for usual in each:
            settings = contract.settings_of(name, detector, [], usual)
            assert {key: getattr(settings, key) for key in usual.settings} == usual.settings, "as they are noted"
            detector.needs(settings, usual.backbone or "tf_efficientnet_lite0")
    if contract.compares(name):
        assert list(inspect.signature(detector.compare).parameters) == ["samples", "settings", "frame"]
    else:
        detector = contract.learner(name)
        assert list(inspect.signature(detector.fit).parameters) == ["normals", "settings"]
        assert list(inspect.signature(detector.load).parameters) == ["stored", "settings"]


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_has_settings_and_a_run_that_explains_itself(name):
    dataset = plugins.load("prep.datasets", name)
    assert issubclass(dataset.Config, config.Config)
    say_what_they_are(dataset.Config)
    parameters = inspect.signature(dataset.run).parameters
    assert set(parameters) <= {"config", "force"}
    assert inspect.getdoc(dataset.run)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_a_level_a_definition_and_a_meaning_in_plain_words(name):
    metric = plugins.load("report.metrics", name)
    assert metric.LEVEL in table.LEVELS
    assert metric.DEFINITION
    assert metric.MEANING.endswith(".")
    assert inspect.getdoc(metric.compute)


FOREIGN = '''
"""Grey: how bright a pixel is, by another package."""

import numpy as np
import torch

from adtool.core import config
from adtool.detection.contract import About, Needs, Scored

ABOUT = About()
PRESETS = {}


class Settings(config.Config):
    offset: float = 0.0


def needs(settings, backbone):
    return Needs(layers=(), pixels=True)


class Model:
    def __init__(self, mean):
        self.mean = mean

    def score(self, seen):
        scores = np.abs(seen.glance[..., 0].astype(np.float32) - self.mean)
        return Scored(seen.sample, scores, float(scores.max()))

    def tensors(self):
        return {"mean": torch.tensor([self.mean])}

    def card(self):
        return {"image_score_rule": "brightest pixel"}


def fit(normals, settings):
    return Model(float(np.mean([seen.glance.mean() for seen in normals.see()])) + settings.offset)


def load(stored, settings):
    return Model(float(stored.tensors["mean"][0]))
'''


def installed(folder, monkeypatch, module, text, entry_points):
    """A package of one module, found as an installed one is."""
    site = folder / "site"
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(str(site))


METRIC = '''
"""Share of images that have a defect."""

LEVEL = "image"
DEFINITION = "defect images divided by all images"


def compute(images):
    return 0.25
'''


@pytest.mark.parametrize(
    ("module", "written", "says"),
    [
        ("share_that_says", f'{METRIC}\nMEANING = "One in four."\n', "One in four."),
        ("share_that_does_not", METRIC, "Share of images that have a defect (from the package share-that-does-not)."),
    ],
)
def test_a_metric_of_another_package_is_measured_and_says_what_it_means(tmp_path, monkeypatch, module, written, says):
    installed(tmp_path, monkeypatch, module, written, f"[adtool.report.metrics]\nshare = {module}\n")
    figures = table.measure("image", ImageScores(np.array([0.1, 0.9]), np.array([False, True])))
    assert {figure.metric: figure.value for figure in figures}["share"] == 0.25
    page = results.section([None], [CategoryReport("maps", "parts", figures)])
    assert f'<td class="says">{says}</td>' in str(page)


def test_a_detector_of_another_package_works_like_our_own(
    workspace, tmp_path, monkeypatch, tiny_data, adtool, instead_of_weights
):
    installed(tmp_path, monkeypatch, "grey_detector", FOREIGN, "[adtool.detectors]\ngrey = grey_detector\n")
    tiny_data.make(Path("data/parts"), train=20)
    assert "grey" in adtool("list", "detectors").out
    assert adtool("maps", "--detector", "grey", "--set", "offset=1.5").code == 0
    rows = MapsFolder(Path("maps")).image_rows("parts")
    assert {row["id"].split("/")[1] for row in rows if row["decision"] == "NOK"} >= {"hole", "scratch"}
    read = arrays.read_scores(Path("maps/parts/test/hole/000.tiff"))
    assert read.scores.shape == tiny_data.size
    assert Path("models/grey/parts/model.json").exists()
    assert np.isfinite(read.scores).all()
    assert adtool("report").code == 0
    assert adtool("maps", "--detector", "grey", "--set", "ofset=1").code == 2
