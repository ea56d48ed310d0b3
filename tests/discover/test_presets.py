"""`--preset paper` against AnomalyNCD's settings as its paper and public code have them, typed in by hand."""

import logging
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core import files
from adtool.core.errors import MissingWeightsError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.discover import asked, predict, step
from adtool.discover.config import DiscoverConfig, TrainSettings
from adtool.discover.ncd import augment, encoder, losses, trunk
from adtool.discover.pipeline import ClassingMethod, FoundRegions
from adtool.discover.presets import DIFFERENCES, OPTIONS, PRESETS
from adtool.nn.options import EngineChoice
from adtool_runtime.classes import placing

FOLDER = ClassesFolder(Path("classes", "parts"))
TABLE = {  # of `--set`
    "epochs": 50, "exact": True, "side": 224, "heads": 4, "rate": 0.003, "batch": 32, "normal": "crops",
    "hidden": 2048, "start": "random", "test_view": "centre", "temperature": 100,
}  # fmt: skip
COMMAND = {"method": "trained", "backbone": "vit_base_patch8_224.dino", "erosion": 6, "min_run": 4}
QUICK = ("epochs=2", "side=32", "hidden=16", "heads=2", "batch=8")


@pytest.fixture(scope="module")
def tiny_vit():
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=0)
    return trunk.from_model("tiny", model, "0", engine="torch", device="cpu")


@pytest.mark.parametrize("words", [{"preset": "paper"}, {"rules": "paper"}, {"settings": ("preset=paper",)}])
def test_every_setting_is_the_papers(words):
    config = asked.settled(DiscoverConfig(**words))
    train = config.training().model_dump()
    assert {name: train[name] for name in TABLE} == TABLE
    assert set(TrainSettings.model_fields) - set(TABLE) == {"views"}, "which `exact` has no use for"
    assert {name: getattr(config, name) for name in COMMAND} == COMMAND
    assert config.preset_name == "paper"


def test_what_is_no_setting_is_the_papers_as_well():
    assert encoder.GATED_BLOCKS == 9
    blocks = timm.create_model("vit_base_patch8_224.dino", pretrained=False, embed_dim=12, num_heads=12)
    assert encoder.Trunk(blocks).first_gated == 3, "the last nine of twelve"
    assert round(224 * augment.MARGIN) == 256
    assert (losses.SPREAD_WEIGHT, losses.SUPERVISED_WEIGHT) == (4, 0.3)
    assert (losses.STUDENT_TEMPERATURE, losses.SUPERVISED_TEMPERATURE, losses.CONTRAST_TEMPERATURE) == (0.1, 0.07, 1)
    assert [losses.teacher_temperature(epoch, 50) for epoch in (0, 40)] == pytest.approx([0.07, 0.04])
    assert placing.LOGIT_TEMPERATURE == 0.1


@pytest.mark.parametrize(("dataset", "category", "wanted"), [("mvtec", "bottle", 100), ("mtd", "MTD", 50),
                                                             ("x", "mtd_anomaly_detection", 50)])  # fmt: skip
def test_mtd_has_the_temperature_that_was_published_for_it(dataset, category, wanted):
    config = asked.of_category(asked.settled(DiscoverConfig(preset="paper")), dataset, category)
    assert config.training().temperature == wanted
    given = asked.settled(DiscoverConfig(preset="paper", settings=("temperature=80",)))
    assert asked.of_category(given, dataset, category).training().temperature == 80
    assert asked.of_category(DiscoverConfig(), dataset, category) == DiscoverConfig()


def test_what_is_given_wins_and_is_said(caplog):
    caplog.set_level(logging.INFO, logger="adtool")
    config = asked.settled(DiscoverConfig(preset="paper", backbone="any", erosion=0, settings=("epochs=7",)))
    assert (config.backbone, config.erosion, config.training().epochs, config.method) == ("any", 0, 7, "trained")
    said = ("would have --backbone vit_base_patch8_224.dino; any was given", "--erosion 6; 0 was given",
            "would have epochs=50; epochs=7 was given", "hidden=2048", "without --base")  # fmt: skip
    assert [text for text in said if text not in caplog.text] == []


def test_without_a_preset_nothing_is_said_and_nothing_else(caplog):
    assert asked.settled(DiscoverConfig(erosion=3)) == DiscoverConfig(erosion=3)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"preset": "papr"}, r"--preset papr: discover has no such preset \(.* did you mean 'paper'"),
        ({"rules": "papr"}, r"--rules papr: discover has no such preset \(.* did you mean 'paper'"),
        ({"settings": ("preset=papr",)}, r"--set preset=papr: discover has no such preset \(.* did you mean 'paper'"),
        ({"settings": ("preset=best",), "rules": "paper"}, "two|2 ways to name one thing"),
        ({"preset": "best", "rules": "paper"}, "--preset best and --rules paper are 2 ways to name one thing"),
        ({"preset": "paper", "method": "free"}, "--preset paper is of --method trained, and --method free was given"),
    ],
)
def test_a_preset_that_can_not_be_is_refused(words, said):
    with pytest.raises(UsageError, match=said):
        asked.settled(DiscoverConfig(**words))


def test_the_command_line_tells_a_default_from_what_was_typed(adtool, workspace):
    ended = adtool("discover", "--preset", "paper", "--method", "free")
    assert (ended.code, "--method free was given" in ended.err) == (2, True)
    ended = adtool("discover", "--preset", "paper", "--weights", "gone.pth")
    assert (ended.code, "no weights file gone.pth" in ended.err) == (3, True)


def test_missing_weights_are_named_before_regions_are_searched(workspace, monkeypatch):
    monkeypatch.setattr(step.weights, "find_local", lambda _: None)
    monkeypatch.setattr(step.weights, "_on_hub", lambda _: None)
    with pytest.raises(
        MissingWeightsError, match=r"vit_base_patch8_224\.dino` on this machine[\s\S]*\.safetensors into"
    ):
        step.run(DiscoverConfig(preset="paper", classes="3"))
    assert not FOLDER.path.joinpath("binary").exists()


@pytest.mark.slow
def test_inspecting_the_same_images_gives_the_same_classes_by_the_view_and_temperature_noted(
    workspace, monkeypatch, tiny_vit
):
    monkeypatch.setattr(trunk, "load", lambda *_, **__: tiny_vit)
    config = DiscoverConfig(preset="paper", classes="3", backbone="tf_efficientnet_lite0", settings=QUICK)
    step.run(config)
    card = files.read_json(FOLDER.card)
    assert (card["test_view"], card["temperature"], card["erosion"]) == ("centre", 100, 6)
    source = step.read_source(Path("maps"), step.dataset_folder.read_dataset(Path("data/parts")).category("parts"))
    runtime = predict.PredictionRuntime(EngineChoice(batch_size=4))

    def predicted():
        known = predict.read(FOLDER)
        found = predict.place(
            known, source.samples, source.scores, source.image_scores, ClassesFolder(Path("work")), runtime
        )
        return [known.names[label] for label in found.images.labels], found.images.confidence

    names, confidence = predicted()
    rows = FOLDER.image_rows()
    assert names == [row["class"] for row in rows]
    assert confidence == pytest.approx([float(row["confidence"]) for row in rows], abs=1e-6)
    files.write_json(FOLDER.card, {name: value for name, value in card.items() if name != "test_view"})
    for path in Path("work/features").rglob("*.npy"):
        path.unlink()
    assert predicted()[1] != pytest.approx(confidence, abs=1e-6), "as an older card is read: all of the crop"


def test_the_temperature_decides_how_much_a_larger_region_counts():
    found = FoundRegions(None, 1.0, sizes=[(400, 800)])
    way = ClassingMethod("trained", "crops", "paper", 100.0)
    index = np.zeros(2, np.int64)
    assert found.crop_weights(index, way.temperature)[1].tolist() == [100, 100]
    assert found.crop_weights(index)[1].tolist() == [100, 100], "an eighth of 800"
    assert found.crop_weights(index, 50.0)[1].tolist() == [50, 50]


def test_classes_made_before_these_settings_are_the_same(workspace, monkeypatch, tiny_vit):
    monkeypatch.setattr(trunk, "load", lambda *_, **__: tiny_vit)
    config = DiscoverConfig(method="trained", classes="3", settings=("epochs=1", "views=2", "side=32", "hidden=16"))
    step.run(config)
    note = files.read_json(FOLDER.path / "_step.json")
    for name in ("test_view", "temperature"):
        del note["settings"]["settings"][name]
    files.write_json(FOLDER.path / "_step.json", note)
    assert step.run(config).skipped == ["parts"]


def test_what_still_differs_is_listed(adtool, workspace):
    listed = adtool("list", "discover").out
    assert set(OPTIONS) < set(PRESETS)
    assert "preset=paper also: --method trained --backbone vit_base_patch8_224.dino --erosion 6 --min-run 4" in listed
    assert [name for name, why in DIFFERENCES.items() if f"{name}: {why}" not in listed] == []
