"""Dinomaly as a detector: training, going on, storing, scoring, templates."""

from pathlib import Path

import pytest
import timm
import torch

from adtool.core import files, layout
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection import store as stored
from adtool.detection.contract import Frame, Needs, NormalImages
from adtool.detectors import dinomaly
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn import backbone
from adtool.train import step as training
from adtool.train.config import TrainConfig

QUICK = {"steps": 6, "batch": 2, "decoder_blocks": 2, "warm_up": 2, "easy_until": 3}


@pytest.fixture(scope="module")
def transformer():
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False)
    return backbone.from_model("test_vit", model, layers=dinomaly.encoder_blocks(len(model.blocks)), engine="torch")


@pytest.fixture
def parts(parts_with, transformer):
    return parts_with(transformer, train=5, needs=Needs(whole=True))


def fit(parts, folder=None, **settings):
    chosen = dinomaly.Settings(**(QUICK | settings))
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(dinomaly, normals, chosen)


@pytest.mark.slow
def test_training_learns_to_rebuild_normal_images_and_finds_defects(parts):
    model = fit(parts, steps=120, learn_rate=5e-3)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60", "80", "100", "120"]
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    odd = [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]
    assert min(odd) > max(normal)


def test_a_map_is_the_mean_distance_of_what_is_seen_and_what_is_rebuilt(parts):
    model = fit(parts, blur=0)
    scored = next(iter(model.score(parts.category.test)))
    one = next(parts.frame.see(parts.category.test))
    seen, rebuilt = model.model.rebuild(one)
    assert one.sample == scored.sample
    assert [x.shape for x in seen] == [x.shape for x in rebuilt] == [(64, 4, 4)] * 2
    apart = sum(1 - torch.cosine_similarity(a, b, dim=0) for a, b in zip(seen, rebuilt, strict=True)) / 2
    assert scored.scores[8::16, 8::16].max() <= apart.max() + 1e-6
    assert float(scored.scores[0, 0]) == pytest.approx(float(apart[0, 0]), abs=1e-6)
    assert float(scored.scores[-1, -1]) == pytest.approx(float(apart[-1, -1]), abs=1e-6)


def test_what_is_seen_are_the_encoders_own_features(parts, transformer):
    model = fit(parts)
    one = next(parts.frame.see(parts.category.test))
    seen, _ = model.model.rebuild(one)
    assert torch.allclose(seen[0], (one.layers[0] + one.layers[1]) / 2, atol=1e-6)
    assert torch.allclose(seen[1], (one.layers[2] + one.layers[3]) / 2, atol=1e-6)


def test_the_seed_decides_everything(parts, tmp_path, same):
    models = [fit(parts, ModelFolder(tmp_path / str(i))) for i in range(2)]
    assert same(*models)
    parts.frame = Frame(parts.frame.backbone, 64, 4, 1, parts.frame.needs)
    assert not same(models[0], fit(parts, ModelFolder(tmp_path / "other")))


def test_an_interrupted_training_goes_on_to_the_same_end(parts, monkeypatch, goes_on):
    def meanwhile():
        monkeypatch.setattr(dinomaly, "_group_tokens", lambda *_: pytest.fail("no image is looked at twice"))

    goes_on(lambda folder: fit(parts, folder, steps=8), of=8, meanwhile=meanwhile)
    assert [row["step"] for row in files.read_csv(parts.folder.path / "curves.csv")] == ["2", "4", "6", "8"]


def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(parts, is_stored):
    is_stored(dinomaly, fit(parts), parts, blocks=3)


def test_a_model_that_is_not_whole_is_named(parts, tmp_path):
    parts.folder = ModelFolder(tmp_path / "dinomaly" / "parts")
    with pytest.raises(MissingInputError, match="adtool train dinomaly"):
        scoring.load(dinomaly, parts.folder, parts.frame)


@pytest.fixture
def two(tiny_data, workspace, transformer, monkeypatch):
    tiny_data.make(Path("data/many"), ["bolt", "nut"])
    monkeypatch.setattr(backbone, "load", lambda *_, **__: transformer)
    return {"backbone": "test_vit", "image_size": 64, "settings": tuple(f"{k}={v}" for k, v in QUICK.items())}


def test_one_model_serves_all_categories(two):
    two |= {"held_out": 0.5}  # of six each: enough to make a limit with
    assert training.run(TrainConfig(detector="dinomaly", **two)).done == [layout.ALL_CATEGORIES]
    outcome = maps.run(MapsConfig(detector="dinomaly", **two))
    assert outcome.done == ["bolt", "nut"]
    assert not [note for note in outcome.notes if "learned" in note]
    rows = files.read_csv(Path("maps/nut/images.csv"))
    assert {row["decision"] for row in rows} <= {"OK", "NOK"}
    assert len(files.read_csv(Path("maps/nut/normals.csv"))) == 3
    opened = stored.open_model(ModelFolder(Path("models/dinomaly/_all")))
    assert opened.model.settings.steps == 6


def test_each_category_can_have_its_own_model(two):
    with pytest.raises(UsageError, match=r"leave --category out.*joint=false"):
        training.run(TrainConfig(detector="dinomaly", category=("nut",), **two))
    own = {**two, "settings": (*two["settings"], "joint=false")}
    assert training.run(TrainConfig(detector="dinomaly", category=("nut",), **own)).done == ["nut"]
    assert maps.run(MapsConfig(detector="dinomaly", category=("nut",), **own)).done == ["nut"]
    assert not Path("models/dinomaly/_all").exists()
