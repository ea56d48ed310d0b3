"""HVQ-Trans as a detector: training, going on, storing, scoring, categories, templates."""

from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import files, layout
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import NormalImages
from adtool.detectors import hvqtrans
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.train import step as training
from adtool.train.config import TrainConfig

QUICK = {"epochs": 2, "batch": 4, "width": 16, "hidden": 32, "depth": 2, "codes": 8}


@pytest.fixture
def parts(parts_with, small_network):
    return parts_with(small_network, train=6)


def fit(parts, folder=None, **settings):
    chosen = hvqtrans.Settings(**(QUICK | settings))
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(hvqtrans, normals, chosen)


@pytest.mark.slow
def test_training_learns_to_rebuild_normal_images_and_finds_defects(parts):
    model = fit(parts, epochs=30, learn_rate=5e-3)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60"]
    assert float(rows[-1]["features"]) < float(rows[0]["features"])
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    odd = [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]
    assert np.mean(odd) > max(normal)


def test_a_score_is_the_length_of_what_differs_and_the_cost_of_transport(parts):
    with_transport, without = (fit(parts, blur=0, transport=weight) for weight in (7.0, 0.0))
    seen, rebuilt = without.model.rebuild(next(parts.frame.see(parts.category.test)))
    layers = parts.frame.backbone.layers
    assert [x.shape[0] for x in seen] == [x.shape[0] for x in rebuilt] == [layer.channels for layer in layers]
    apart = sum(((a - b) ** 2).sum(dim=0) for a, b in zip(seen, rebuilt, strict=True)).sqrt()
    one, other = (next(iter(model.score(parts.category.test))) for model in (without, with_transport))
    assert float(one.scores[0, 0]) == pytest.approx(float(apart[0, 0]), rel=1e-5)
    cost = (other.scores - one.scores) / 7
    assert 0 < cost.min() <= cost.max() < 2


def test_a_pooled_image_score_is_the_highest_mean_of_a_square(parts):
    model = fit(parts, image_score="pooled")
    scores = np.zeros((40, 40), np.float32)
    scores[30:36, 20:30] = 8  # 60 of 256 pixels
    assert model.model._image_score(scores) == pytest.approx(8 * 60 / 256)
    assert model.model._image_score(np.full((4, 5), 3, np.float32)) == pytest.approx(3)


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_the_same_end(parts, tmp_path, goes_on, same):
    straight, _ = goes_on(lambda folder: fit(parts, folder, epochs=4), of=8)
    assert same(straight, fit(parts, ModelFolder(tmp_path / "again"), epochs=4))


def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(parts, is_stored):
    assert is_stored(hvqtrans, fit(parts), parts, codes=3)[0].model.categories == ["parts"]


@pytest.fixture
def two(tiny_data, workspace, instead_of_weights):
    data = tiny_data.make(Path("data/many"), ["bolt", "nut"])
    return data, {"image_size": 64, "settings": tuple(f"{k}={v}" for k, v in QUICK.items())}


def test_one_model_serves_all_categories_each_with_its_codebooks(two):
    _, options = two
    assert training.run(TrainConfig(detector="hvqtrans", **options)).done == [layout.ALL_CATEGORIES]
    card = files.read_json(Path("models/hvqtrans/_all/model.json"))
    assert card["categories"] == ["bolt", "nut"]
    assert maps.run(MapsConfig(detector="hvqtrans", **options)).done == ["bolt", "nut"]


def test_a_category_is_given_by_the_folder_or_predicted(two, parts):
    data, _ = two
    samples = [one for each in read_dataset(data).categories.values() for one in each.train]
    model = hvqtrans.fit(NormalImages(samples, parts.frame, parts.folder), hvqtrans.Settings(**QUICK))
    features = torch.zeros(model.scale.shift.shape[0], 4, 4)
    model.scale.means[1] = 0  # of the second category
    assert model._label(samples[0], features) == 0
    assert model._label(parts.category.test[0], features) == 1  # of neither
    predicting = hvqtrans.Model(
        model.network, model.scale, model.categories, hvqtrans.Settings(category="predicted"), [1]
    )
    assert predicting._label(samples[0], features) == 1
