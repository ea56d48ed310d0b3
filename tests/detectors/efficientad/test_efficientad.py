"""EfficientAD as a detector: training, going on, storing, scoring, templates."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adtool.core import files
from adtool.core.errors import UsageError
from adtool.detection import scoring
from adtool.detection.contract import NormalImages
from adtool.detection.holding_out import hold_out
from adtool.detectors import efficientad

QUICK = {"teacher_steps": 4, "steps": 4, "share": 0.0625, "channels": 8, "input_px": 64, "batch": 2}


@pytest.fixture
def parts(parts_with, small_network):
    return parts_with(small_network, train=6)


def fit(parts, folder=None, **settings):
    chosen = efficientad.Settings(**(QUICK | settings))
    parts.frame = replace(parts.frame, needs=efficientad.needs(chosen, "resnet18"))
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(efficientad, normals, chosen)


def normal_and_odd(parts, model):
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    return normal, [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]


@pytest.mark.slow
def test_a_student_learns_what_the_backbone_sees_and_finds_defects(parts):
    model = fit(parts, steps=60)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60"]
    assert {row["teacher"] for row in rows} == {"0"}, "nothing is distilled"
    for name in ("student", "autoencoder"):
        assert float(rows[-1][name]) < float(rows[0][name])
    normal, odd = normal_and_odd(parts, model)
    assert np.mean(odd) > np.mean(normal)
    assert model.model.network.teacher is None
    assert model.model.network.sizes.side == 32, "half of what the backbone sees"


@pytest.mark.slow
def test_a_teacher_is_distilled_and_a_student_learns_from_it_then(parts):
    model = fit(parts, teacher="distilled", teacher_steps=40, steps=80)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40", "60", "80", "100", "120"]
    losses = {name: [float(row[name]) for row in rows] for name in ("teacher", "student", "penalty", "autoencoder")}
    assert losses["teacher"][0] > losses["teacher"][1] > 0 == max(losses["teacher"][2:])
    for name in ("student", "autoencoder"):
        assert max(losses[name][:2]) == 0 < losses[name][5] < losses[name][2]
    assert parts.frame.needs.layers == ()
    normal, odd = normal_and_odd(parts, model)
    assert np.mean(odd) > np.mean(normal)


@pytest.mark.parametrize("compared", ["teacher", "student"])
def test_a_score_is_the_mean_of_both_maps_after_their_quantiles(parts, compared):
    model = fit(parts, blur=0, compared=compared)
    image = next(parts.frame.see(parts.category.test))
    (truth, other), (as_teacher, whole) = model.model.rebuild(image)
    assert {x.shape for x in (truth, other, as_teacher, whole)} == {(8, 8, 8)}
    assert torch.equal(truth, other) == (compared == "teacher")
    maps = ((truth - as_teacher).square().mean(dim=0), (whole - other).square().mean(dim=0))
    corner = 0.0
    for scores, (low, high) in zip(maps, model.model.quantiles.tolist(), strict=True):
        corner += 0.05 * (float(scores[0, 0]) - low) / (high - low)
    assert next(iter(model.score(parts.category.test))).scores[0, 0] == pytest.approx(corner, rel=1e-3)


def test_quantiles_are_those_of_images_that_were_not_learned_from(parts):
    model = fit(parts)
    held_out, learned = hold_out(parts.category.train, 0)
    assert (len(held_out), len(learned)) == (2, 4)
    maps = []
    for image in parts.frame.see(held_out):
        (truth, _), (as_teacher, _) = model.model.rebuild(image)
        maps.append((truth - as_teacher).square().mean(dim=0).numpy())
    wanted = np.quantile(np.stack(maps), (0.9, 0.995))
    assert model.model.quantiles[0].tolist() == pytest.approx(wanted.tolist(), rel=1e-2)  # kept in half precision


@pytest.mark.parametrize(("teacher", "after", "of"), [("backbone", 2, 4), *(("distilled", n, 8) for n in (2, 4, 6))])
def test_an_interrupted_training_goes_on_to_the_same_end(parts, goes_on, teacher, after, of):
    straight, resumed = goes_on(lambda folder: fit(parts, folder, teacher=teacher), of=of, after=after)
    assert torch.equal(straight.model.quantiles, resumed.model.quantiles)


@pytest.mark.parametrize(
    ("teacher", "borders", "said"),
    [("backbone", "mirrored", "the backbone test_resnet"), ("distilled", "unseen", "distilled from test_resnet")],
)
def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(
    parts, is_stored, teacher, borders, said
):
    model = fit(parts, borders=borders, image_score="max", teacher=teacher)
    assert is_stored(efficientad, model, parts, channels=9)[1]["teacher"].startswith(said)


def test_with_a_teachers_file_nothing_is_distilled(parts, tmp_path):
    torch.manual_seed(3)
    sizes = efficientad.EfficientAdSizes(0, 0.0625, 8, 64, 1, 0.2, 1)
    teacher = efficientad.EfficientAd(sizes).teacher
    torch.save(teacher.state_dict(), tmp_path / "teacher.pth")
    model = fit(parts, teacher=str(tmp_path / "teacher.pth"))
    assert all(
        torch.equal(a, b) for a, b in zip(model.model.network.teacher.parameters(), teacher.parameters(), strict=True)
    )
    assert model.model.card()["teacher"].startswith("teacher.pth, ")
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [(row["step"], row["teacher"]) for row in rows] == [("4", "0")]


def test_a_backbone_that_teaches_sees_no_changed_colours():
    with pytest.raises(UsageError, match="add --set teacher=distilled"):
        efficientad.needs(efficientad.Settings(recolour=0.2), "resnet18")


def test_pictures_without_a_single_patch_within_them_are_refused(parts):
    with pytest.raises(UsageError, match=r"33 x 33 pixels.*--image-size"):
        fit(parts, borders="unseen")
