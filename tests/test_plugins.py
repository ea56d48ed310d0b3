"""What every plug-in must keep to; a new file is found by itself. And a detector that comes with another package."""

import inspect
import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from adtool.core import arrays, config, plugin_files, plugins
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder
from adtool.core.steps import notes
from adtool.detection import contract
from adtool.detection.frame import Frame
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


def test_metrics_are_listed_by_the_names_of_reports_and_gates(workspace, tmp_path, monkeypatch, adtool):
    installed(tmp_path, monkeypatch, "share_called", f'{METRIC}NAME = "share_0.5"\n', SHARE.format("share_called"))
    shown = [row["name"] for row in json.loads(adtool("list", "metrics", "--json").out)["rows"]]
    assert sorted(shown) == table.names()
    assert {"aupro_0.05", "share_0.5"} <= set(shown)


SHARE = "[adtool.report.metrics]\nshare = {}\n"
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


SCORES = "scores = np.abs(seen.glance[..., 0].astype(np.float32) - self.mean)"
MAP, NUMBER = "the map that the detector 'mine' gives for ", "the image score that the detector 'mine' gives for "


@pytest.fixture
def mine(workspace, tiny_data, adtool, instead_of_weights, monkeypatch):
    """`mine(old, new)`: maps by a plug-in of one file in which `old` became `new`."""
    tiny_data.make(Path("data/parts"), train=8)

    def run(old, new, *more, command="maps"):
        assert FOREIGN.count(old) == 1
        Path("mine.py").write_text(FOREIGN.replace(old, new))
        monkeypatch.delitem(sys.modules, f"{plugin_files.PREFIX}mine", raising=False)  # as in a new process
        return adtool("--plugin", "mine.py", command, *more, *(("--detector", "mine") if command == "maps" else ()))

    return run


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("Scored(seen.sample, scores[0], 1.0)", MAP + "data/parts/train/good/*png has the shape (*,); a map is"),
        ("Scored(seen.sample, scores[None], 1.0)", MAP + "*has the shape (1, *, *); a map is (height, width)."),
        ("Scored(seen.sample, scores.astype(str), 1.0)", MAP + "*is no array of numbers (its type is <U"),
        ("Scored(seen.sample, scores * 1j, 1.0)", MAP + "*is no array of numbers (its type is complex"),
        ("Scored(seen.sample, scores, scores.max(axis=0))", NUMBER + "*has the shape (*,); an image score is one"),
        ("Scored(seen.sample, scores, None)", NUMBER + "*is no number"),
        ("Scored(seen.sample, scores, 'high')", NUMBER + "*is 'high'; an image score is one number."),
        ("scores", "The detector 'mine' gives a ndarray for an image; a Scored is wanted."),
    ],
)
def test_what_is_no_map_or_no_score_is_an_error_that_names_the_detector(mine, new, says):
    ended = mine("Scored(seen.sample, scores, float(scores.max()))", new)
    assert ended.code == 2, ended.err
    assert fnmatch(ended.err, f"*error: *{says.replace('[', '?')[1:]}*"), ended.err
    assert not list(Path("maps").rglob("*.tiff"))


@pytest.mark.parametrize("new", ["np.float64(scores.max())", "torch.tensor(scores.max())", "int(scores.max())"])
def test_one_number_may_be_of_any_type(mine, new):
    assert mine("float(scores.max())", new).code == 0


def test_a_map_may_be_of_any_type_of_numbers(mine):
    assert mine("Scored(seen.sample, scores,", "Scored(seen.sample, torch.tensor(scores).double(),").code == 0
    assert arrays.read_scores(Path("maps/parts/test/hole/000.tiff")).scores.dtype == np.float32


@pytest.mark.parametrize("shards", [(), ("1/2", "2/2")])
def test_no_numbers_are_said_to_be_the_detector_s(mine, shards):
    for shard in shards or [None]:
        ended = mine(SCORES, f"{SCORES} * np.nan", *(["--shard", shard] if shard else []))
    assert ended.code == 3
    assert "skipped 1 image: the detector 'mine' gives NaN or infinite scores for data/parts/test/" in ended.err
    last = ended.err.splitlines()[-1]
    assert last == "error: The detector 'mine' gives NaN or infinite scores for all 6 test images of parts."
    assert "could be read" not in ended.err + ended.out


@pytest.mark.parametrize("shards", [(), ("1/2", "2/2")])
def test_some_without_numbers_are_counted_apart(mine, adtool, shards):
    Path("data/parts/test/hole/000.png").write_bytes(b"")
    odd = f"{SCORES} * (np.nan if 'scratch' in str(seen.sample.image) else 1)"
    for shard in shards or [None]:
        ended = mine(SCORES, odd, *(["--shard", shard] if shard else []))
    assert ended.code == 0
    said = (
        "1 of 6 pictures could not be read: test/hole/000; "
        "2 of 6 pictures got NaN or infinite scores from the detector: test/scratch/000, test/scratch/001"
    )
    assert f"parts: {said}" in ended.out
    assert said in adtool("report").out
    result = notes.result_of(Path("maps/parts"))
    assert result.skipped == ["test/hole/000", "test/scratch/000", "test/scratch/001"]
    assert result.not_finite == ["test/scratch/000", "test/scratch/001"]


def test_inspect_says_why_there_is_no_map(mine):
    assert mine(SCORES, SCORES).code == 0
    ended = mine(SCORES, f"{SCORES} * (np.nan if 'scratch' in str(seen.sample.image) else 1)",
                 "data/parts/test", command="inspect")  # fmt: skip
    assert ended.code == 0
    assert "skipped 2 images with NaN or infinite scores of the detector: scratch/000.png, scratch/001.png" in ended.out
    assert "unreadable" not in ended.out + ended.err
    assert (
        "scratch/001.png,,,,,the detector 'mine' gives it NaN or infinite" in Path("inspected/inspect.csv").read_text()
    )
    ended = mine(SCORES, f"{SCORES} * np.nan", "data/parts/test", "--force", command="inspect")
    assert ended.err.splitlines()[-1].startswith("error: The detector 'mine' gives NaN or infinite scores for all 6 ")


FAILS = [
    (SCORES, f"{SCORES} / (1 // int(self.mean * 0))", "in score): ZeroDivisionError: integer"),
    ("    return Needs(", "    return 1 // 0 or Needs(", "in needs): ZeroDivisionError: integer"),
    (SCORES, "scores = torch.zeros(2) @ torch.zeros(3)", "in score): RuntimeError: "),
    (SCORES, 'scores = open("gone.txt")', "in score): FileNotFoundError: "),
    ("return Model(float(stored", "return Model(float(normals", "in load): NameError: "),
]


@pytest.mark.parametrize(("old", "new", "says"), FAILS)
def test_an_error_in_a_plug_in_is_its_own(mine, old, new, says):
    ended = mine(old, new)
    line = 1 + next(k for k, text in enumerate(Path("mine.py").read_text().splitlines()) if new.strip() in text)
    assert ended.code == 2
    assert f"error: The plug-in 'mine' fails (mine.py, line {line}, {says}" in ended.err
    assert "The traceback is in " in ended.err
    assert "bug" not in ended.err


@pytest.mark.parametrize(
    ("old", "new", "lacks"),
    [
        ("ABOUT = About()", "", "ABOUT"),
        ("PRESETS = {}", "", "PRESETS"),
        ("class Settings(", "class Other(", "Settings"),
        ("    def tensors(", "    def arrays(", "Model.tensors"),
    ],
)
def test_what_a_plug_in_lacks_is_named(mine, old, new, lacks):
    ended = mine(old, new)
    assert ended.code == 2
    assert f"error: The plug-in 'mine' lacks `{lacks}`" in ended.err
    assert "bug" not in ended.err


def test_a_data_set_of_ones_own_without_settings_is_named(workspace, adtool):
    Path("mine.py").write_text("Config = 3\n\ndef run(config): ...\n")
    ended = adtool("--plugin", "mine.py", "prep", "mine")
    assert ended.code == 2
    assert ended.err == "error: `Config` of the plug-in 'mine' is no class of adtool.core.config.Config.\n"


def test_so_it_is_in_a_worker(mine, workers_in_process):
    odd = f"{SCORES} / (1 // int('train' in str(seen.sample.image)))"
    ended = mine(SCORES, odd, "--workers", "2")
    assert ended.code == 2
    assert "The plug-in 'mine' fails (mine.py, line 27, in score): ZeroDivisionError: " in ended.err
    assert "bug" not in ended.err


def test_an_error_in_the_plug_in_of_a_package_is_its_own(
    workspace, tmp_path, monkeypatch, tiny_data, adtool, instead_of_weights
):
    text = FOREIGN.replace(SCORES, "scores = 1 / 0")
    installed(tmp_path, monkeypatch, "grey_divisor", text, "[adtool.detectors]\ngrey = grey_divisor\n")
    tiny_data.make(Path("data/parts"), train=8)
    ended = adtool("maps", "--detector", "grey")
    assert ended.code == 2
    assert "error: The plug-in 'grey' fails (" in ended.err
    assert "grey_divisor.py, line 2" in ended.err


def test_a_bug_of_adtool_stays_one_whoever_called_it(mine, monkeypatch):
    monkeypatch.setattr(Frame, "see", None)  # called by adtool, which `fit` of the plug-in calls
    ended = mine(SCORES, SCORES)
    assert ended.code == 70
    assert "a bug in adtool" in ended.err


def test_a_package_that_fails_when_it_is_loaded_is_named(tmp_path, monkeypatch, adtool):
    installed(tmp_path, monkeypatch, "grey_loaded", "1 / 0\n", "[adtool.detectors]\ngrey = grey_loaded\n")
    ended = adtool("list", "detectors", "grey")
    assert ended.code == 2
    assert "'grey' of the package grey-loaded can't be loaded (ZeroDivisionError: division by zero)" in ended.err
