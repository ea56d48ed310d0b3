"""EfficientAD as a detector: training, going on, storing, scoring, templates."""

import numpy as np
import pytest
import torch

from adtool.core import files
from adtool.core.errors import BadDataError
from adtool.detection import scoring
from adtool.detection.contract import NormalImages
from adtool.detectors import efficientad

QUICK = {"teacher_steps": 4, "steps": 4, "share": 0.0625, "channels": 8, "input_px": 64}


@pytest.fixture
def parts(parts_with, small_network):
    return parts_with(small_network, train=6, needs=efficientad.needs(efficientad.Settings(**QUICK), "any"))


def fit(parts, folder=None, **settings):
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(efficientad, normals, efficientad.Settings(**(QUICK | settings)))


def test_training_teaches_and_learns_and_finds_defects(parts):
    model = fit(parts, teacher_steps=40, steps=80)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60", "80", "100", "120"]
    losses = {name: [float(row[name]) for row in rows] for name in ("teacher", "student", "penalty", "autoencoder")}
    assert losses["teacher"][0] > losses["teacher"][1] > 0 == max(losses["teacher"][2:])
    for name in ("student", "autoencoder"):
        assert max(losses[name][:2]) == 0 < losses[name][5] < losses[name][2]
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    odd = [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]
    assert np.mean(odd) > np.mean(normal)


def test_a_score_is_the_mean_of_both_maps_after_their_quantiles(parts):
    model = fit(parts, blur=0)
    image = next(parts.frame.see(parts.category.test))
    (truth, as_autoencoder), (as_teacher, rebuilt) = model.model.rebuild(image)
    assert {x.shape for x in (truth, as_autoencoder, as_teacher, rebuilt)} == {(8, 16, 16)}
    maps = ((truth - as_teacher).square().mean(dim=0), (rebuilt - as_autoencoder).square().mean(dim=0))
    (low, high), (other_low, other_high) = model.model.quantiles.tolist()
    corner = 0.05 * (float(maps[0][0, 0]) - low) / (high - low)
    corner += 0.05 * (float(maps[1][0, 0]) - other_low) / (other_high - other_low)
    assert next(iter(model.score(parts.category.test))).scores[0, 0] == pytest.approx(corner, rel=1e-3)


def test_quantiles_are_those_of_images_that_were_not_learned_from(parts):
    model = fit(parts).model
    named = {float(efficientad.maps_of(model.network, model._picture(one))[0].max()): one.sample.id
             for one in parts.frame.see(parts.category.train)}  # fmt: skip
    assert len(named) == 6
    held_out, _ = efficientad.holding_out.hold_out(parts.category.train, 0)
    assert len(held_out) == 2
    images = [one for one in parts.frame.see(held_out)]
    maps = [efficientad.maps_of(model.network, model._picture(one))[0].numpy() for one in images]
    assert model.quantiles[0].tolist() == pytest.approx(np.quantile(np.stack(maps), (0.9, 0.995)).tolist(), rel=1e-5)


@pytest.mark.parametrize("after", [2, 4, 6])
def test_an_interrupted_training_goes_on_to_the_same_end(parts, goes_on, after):
    straight, resumed = goes_on(lambda folder: fit(parts, folder), of=8, after=after)
    assert torch.equal(straight.model.quantiles, resumed.model.quantiles)


def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(parts):
    model = fit(parts, borders="unseen", image_score="max")
    scoring.save(model, "efficientad", model.model.settings, parts.folder, {})
    assert {path.name for path in parts.folder.path.iterdir()} == {"curves.csv", "model.json", "weights.safetensors"}
    before = torch.get_rng_state()
    again = scoring.load(efficientad, parts.folder, parts.frame)
    assert before.equal(torch.get_rng_state())  # others' chance is as before
    pairs = zip(model.score(parts.category.test), again.score(parts.category.test), strict=True)
    assert all((a.scores == b.scores).all() for a, b in pairs)
    card = files.read_json(parts.folder.card)
    assert card["teacher"].startswith("distilled from ")
    files.write_json(parts.folder.card, {**card, "sizes": {**card["sizes"], "channels": 9}})
    with pytest.raises(BadDataError, match=r"is not of the network that.*--force"):
        scoring.load(efficientad, parts.folder, parts.frame)


def test_with_a_teachers_file_nothing_is_distilled(parts, tmp_path):
    torch.manual_seed(3)
    sizes = efficientad.EfficientAdSizes(0, 0.0625, 8, 64, 1, 0.2)
    teacher = efficientad.EfficientAd(sizes).teacher
    torch.save(teacher.state_dict(), tmp_path / "teacher.pth")
    model = fit(parts, teacher=str(tmp_path / "teacher.pth"))
    assert all(
        torch.equal(a, b) for a, b in zip(model.model.network.teacher.parameters(), teacher.parameters(), strict=True)
    )
    assert model.model.card()["teacher"].startswith("teacher.pth, ")
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [(row["step"], row["teacher"]) for row in rows] == [("4", "0")]
