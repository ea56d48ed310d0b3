"""Reverse distillation as a detector: training, going on, storing, scoring, templates."""

import numpy as np
import pytest

from adtool.core import files
from adtool.core.errors import UsageError
from adtool.detection import scoring
from adtool.detection.contract import NormalImages
from adtool.detectors import rd
from adtool.detectors._rd.loss import distances

QUICK = {"layers": "4,8,16", "steps": 4, "batch": 4, "input_px": 64}


@pytest.fixture
def parts(parts_with, three_stages):
    return parts_with(three_stages, train=6, needs=rd.Needs((4, 8, 16), pixels=True))


def fit(parts, folder=None, **settings):
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder)
    return scoring.fit(rd, normals, rd.Settings(**(QUICK | settings)))


@pytest.mark.slow
def test_training_learns_to_rebuild_normal_images_and_finds_defects(parts):
    model = fit(parts, steps=40, learn_rate=1e-2)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert [row["step"] for row in rows] == ["20", "40"]
    assert float(rows[-1]["distillation"]) < float(rows[0]["distillation"])
    scored = {one.sample: one for one in model.score(parts.category.test)}
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}
    normal = [one.image_score for sample, one in scored.items() if parts.category.is_normal(sample)]
    odd = [one.image_score for sample, one in scored.items() if not parts.category.is_normal(sample)]
    assert np.mean(odd) > np.mean(normal)


@pytest.mark.parametrize("combine", ["mean", "sum"])
def test_a_score_is_the_mean_or_the_sum_of_1_minus_cosine_over_stages(parts, combine):
    model = fit(parts, blur=0, combine=combine)
    image = next(parts.frame.see(parts.category.test))
    seen, rebuilt = model.model.rebuild(image)
    assert [x.shape for x in seen] == [x.shape for x in rebuilt] == [x.shape for x in image.layers]
    corner = sum(float(distances(a[None], b[None])[0, 0, 0]) for a, b in zip(seen, rebuilt, strict=True))
    found = next(iter(model.score(parts.category.test))).scores[0, 0]
    assert found == pytest.approx(corner / (3 if combine == "mean" else 1), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("projects", [False, True])
def test_an_interrupted_training_goes_on_to_the_same_end(parts, goes_on, projects):
    goes_on(lambda folder: fit(parts, folder, steps=6, projects=projects), of=6)
    rows = files.read_csv(parts.folder.path / "curves.csv")
    assert all((float(row["projection"]) > 0) == projects for row in rows)


@pytest.mark.slow
def test_a_stored_model_scores_the_same_and_leaves_nothing_of_its_training_but_curves(parts, is_stored):
    is_stored(rd, fit(parts, projects=True), parts, blocks_2=3)


@pytest.mark.parametrize(
    ("settings", "backbone", "said"),
    [
        ({"layers": "8,16"}, "resnet18", "three strides, each twice the one before"),
        ({"layers": "4,8,32"}, "resnet18", "three strides, each twice the one before"),
        ({"blocks": "1,0,1"}, "resnet18", "three numbers from 1 on"),
        ({}, "vit_small_patch14_dinov2", "three stages of a convolutional network"),
    ],
)
def test_what_can_not_be_mirrored_is_refused(settings, backbone, said):
    with pytest.raises(UsageError, match=said):
        rd.needs(rd.Settings(**settings), backbone)
