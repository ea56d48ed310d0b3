"""UniAD as a detector: training, going on, storing, scoring, categories, templates; and its parts by hand."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core import files, layout
from adtool.core.errors import UsageError
from adtool.detection import scoring
from adtool.detection.contract import NormalImages, settings_of
from adtool.detectors import uniad
from adtool.detectors._uniad.network import UniadSizes, UnifiedRebuilder, hidden_places, jittered
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.train import step as training
from adtool.train.config import TrainConfig

QUICK = {"steps": 4, "batch": 4, "width": 16, "hidden": 32, "depth": 2, "neighbours": 3, "dropout": 0.1}


@pytest.fixture
def parts(parts_with, small_network):
    return parts_with(small_network, train=6)


def fit(parts, folder=None, **settings):
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(uniad, normals, uniad.Settings(**(QUICK | settings)))


@pytest.mark.slow
def test_training_learns_to_rebuild_normal_images_and_finds_defects(parts):
    model = fit(parts, steps=60, learn_rate=5e-3, dropout=0, jitter=2)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert [float(row["rate"]) for row in rows] == pytest.approx([5e-3, 5e-3, 5e-4])
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    odd = [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]
    assert np.mean(odd) > max(normal)


def test_a_score_is_the_length_of_what_differs(parts):
    model = fit(parts, blur=0)
    seen, rebuilt = model.model.rebuild(next(parts.frame.see(parts.category.test)))
    assert [x.shape[0] for x in seen] == [layer.channels for layer in parts.frame.backbone.layers]
    apart = sum(((a - b) ** 2).sum(dim=0) for a, b in zip(seen, rebuilt, strict=True)).sqrt()
    found = next(iter(model.score(parts.category.test)))
    assert float(found.scores[0, 0]) == pytest.approx(float(apart[0, 0]), rel=1e-5)


def test_an_interrupted_training_goes_on_to_the_same_end(parts, goes_on):
    goes_on(lambda folder: fit(parts, folder, steps=8, jitter_share=0.5), of=8)


def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(parts, is_stored):
    is_stored(uniad, fit(parts), parts, hidden=3)


def test_one_model_serves_all_categories(tiny_data, workspace, instead_of_weights):
    tiny_data.make(Path("data/many"), ["bolt", "nut"])
    options = {"image_size": 64, "settings": tuple(f"{k}={v}" for k, v in QUICK.items())}
    assert training.run(TrainConfig(detector="uniad", **options)).done == [layout.ALL_CATEGORIES]
    assert maps.run(MapsConfig(detector="uniad", **options)).done == ["bolt", "nut"]


def test_settings_that_can_not_be_are_refused(parts):
    for wrong, said in (({"neighbours": 4}, "odd"), ({"heads": 3, "width": 16}, "no multiple of heads=3")):
        with pytest.raises(UsageError, match=said):
            uniad.needs(uniad.Settings(**wrong), "resnet18")
    with pytest.raises(UsageError, match="on a grid of 4 x 4 a place would see nothing"):
        fit(parts, neighbours=7)


def test_a_place_does_not_see_the_square_around_it():
    unseen = hidden_places(3, 4, 3)
    assert unseen.shape == (12, 12)
    assert unseen[0].nonzero().flatten().tolist() == [0, 1, 4, 5]
    assert unseen[5].nonzero().flatten().tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert hidden_places(2, 2, 1).equal(torch.eye(4, dtype=torch.bool))
    assert not hidden_places(2, 2, 0).any()


def test_what_is_near_a_place_changes_nothing_in_one_layer():
    torch.manual_seed(0)
    made = UnifiedRebuilder(UniadSizes(4, 4, 4, 8, 8, 1, 3, 1, 0.0)).eval()
    tokens, position = torch.randn(1, 16, 8), made.position()
    attention = made.decoder[0].encoded
    queries = torch.randn(1, 16, 8)
    before = attention(queries, tokens, position, made.unseen)
    changed = tokens.clone()
    changed[:, 1] += 5  # a neighbour of place 0, and none of place 15
    after = attention(queries, changed, position, made.unseen)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 15], after[:, 15])


def test_noise_is_as_strong_as_the_mean_size_of_a_places_features():
    torch.manual_seed(0)
    features = torch.zeros(1, 2, 1000)
    features[0, 1] = 3.0
    found = jittered(features, scale=20) - features
    assert found[0, 0].abs().max() == 0
    # |f| = 3 * sqrt(1000), over 1000 channels, times 20.
    assert found[0, 1].std().item() == pytest.approx(20 * 3 / 1000**0.5, rel=0.1)


def test_the_papers_network_has_the_published_number_of_parameters():
    settings = settings_of("uniad", uniad, ["preset=paper"])
    needs = uniad.needs(settings, "tf_efficientnet_b4")
    assert (needs.layers, needs.image_size) == ((2, 4, 8, 16), 224)
    with torch.device("meta"):
        made = UnifiedRebuilder(uniad._sizes(settings, (272, 14, 14)))
        teacher = timm.create_model("tf_efficientnet_b4", pretrained=False, features_only=True)
    layer = 4 * 256**2 + 4 * 256 + 2 * 256  # an attention with its norm
    mlp = 2 * 256 * 1024 + 1024 + 256 + 2 * 256
    encoder, decoder = 4 * (layer + mlp), 4 * (14 * 14 * 256 + 2 * layer + mlp)
    ends = 272 * 256 + 256 + 2 * 14 * 128 + 2 * 256 + 256 * 272 + 272
    own = sum(one.numel() for one in made.parameters())
    assert own == encoder + decoder + ends
    # 24.5 million in all, with the frozen network but for its head: the table of MambaAD (NeurIPS 2024), row UniAD.
    assert round((own + sum(one.numel() for one in teacher.parameters())) / 1e6, 1) == 24.5
