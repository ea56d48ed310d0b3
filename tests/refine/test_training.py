"""What a training of the filter is made of: templates, the pace of the rate, what is judged by, worked out by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.core import arrays, files
from adtool.core.dataset.types import Sample
from adtool.core.synthetic import defects
from adtool.refine import blending, feature_store, refine_category, train, training_set, validation
from adtool.refine.blending import PaintedTrial
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import FeatureStore
from adtool.refine.model import Filter
from adtool.refine.train import TrainingSet
from adtool.refine.validation import FilteredImage

RATE = 0.01
TINY = FilterSettings(templates=1, matches=2, plane=16, width=4, reduced=1, batch=2, steps=20, painted=4, rate=RATE)


def stored(count, seed):
    """Features of so many images, drawn."""
    rng = np.random.default_rng(seed)
    masks = (rng.random((count, 32, 32)) > 0.7).astype(np.uint8) * 255
    return FeatureStore([rng.normal(size=(count, 3, 4, 4)).astype(np.float16)], masks)


@pytest.fixture
def lesson():
    """Six painted images of two categories, which have three and two normal images."""
    labels, sources = np.array([0, 0, 0, 1, 1, 1]), np.array([2, 0, 1, 3, 4, 3])
    return TrainingSet(stored(6, 0), labels, sources, stored(5, 1), [np.array([0, 1, 2]), np.array([3, 4])])


def test_a_painted_image_is_matched_with_other_images_of_its_category_never_with_its_own(lesson):
    rng = np.random.default_rng(0)
    for row, (label, own) in enumerate(zip(lesson.labels, lesson.sources, strict=True)):
        drawn = {int(one) for _ in range(40) for one in train._templates(lesson, row, 2, rng)}
        assert drawn == set(lesson.groups[label].tolist()) - {int(own)}


@pytest.fixture
def watched(monkeypatch):
    """The learning rate of each step of Adam, and the gradient's norm as it comes to it."""
    seen = []

    class Watched(torch.optim.Adam):
        def step(self, closure=None):
            grads = [one.grad for group in self.param_groups for one in group["params"] if one.grad is not None]
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(one) for one in grads]))
            seen.append((self.param_groups[0]["lr"], float(norm)))
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    return seen


def trained(lesson, folder, **settings):
    return train.train(lesson, TINY.model_copy(update=settings), 0, torch.device("cpu"), folder)


def test_the_rate_rises_in_a_twentieth_of_the_steps_and_falls_along_a_cosine(lesson, tmp_path, watched):
    trained(lesson, tmp_path)
    rates = [rate for rate, _ in watched]
    assert len(rates) == 20
    assert rates[:2] == pytest.approx([RATE / 11, RATE])  # the first step is half a tenth of the rise
    assert rates == [rates[0], *sorted(rates[1:], reverse=True)]
    middle = (1 + np.cos(np.pi * (0.5 - 0.05) / 0.95)) / 2
    assert rates[10] == pytest.approx(RATE * middle)
    assert rates[-1] < 0.01 * RATE
    rows = files.read_csv(tmp_path / "curves.csv")
    assert [int(row["step"]) for row in rows] == [1, 20], "each twentieth, and the last"


def test_the_rate_is_halved_after_five_looks_without_a_lower_loss(lesson, tmp_path, watched, monkeypatch):
    real = train.losses

    def constant(*arguments):
        found = real(*arguments)
        return replace(found, total=found.total * 0 + 1)

    monkeypatch.setattr(train, "losses", constant)
    trained(lesson, tmp_path, schedule="plateau", plateau_every=1, steps=14)
    # Looked at after each step: the first sets the mark, five more are borne, the next one halves it.
    assert [rate for rate, _ in watched] == [RATE] * 7 + [RATE / 2] * 6 + [RATE / 4]


def test_no_gradient_is_longer_than_two(lesson, tmp_path, watched, monkeypatch):
    real = train.losses
    monkeypatch.setattr(train, "losses", lambda *given: replace(real(*given), total=real(*given).total * 1e5))
    trained(lesson, tmp_path, steps=3)
    assert [norm for _, norm in watched] == pytest.approx([2.0] * 3, rel=1e-3)


def test_the_curve_counts_the_categories_that_were_recognised():
    losses = train.FilterLosses(*[torch.tensor(1.0)] * 6)
    classes = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 1.0]])
    row = train._row(losses, classes, torch.tensor([0, 1, 1]))
    assert row["class_accuracy"] == pytest.approx(2 / 3)


def test_of_many_normal_images_four_hundred_are_learned_from_drawn_by_the_seed():
    every = list(range(1000))
    drawn = training_set._drawn(every, 0)
    assert len(set(drawn)) == len(drawn) == 400
    assert drawn == sorted(drawn) == training_set._drawn(every, 0)
    assert drawn != training_set._drawn(every, 1)
    assert training_set._drawn(every[:400], 0) == every[:400]


def test_a_mask_is_kept_as_the_share_of_each_pixel():
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = mask[2:, 2:] = True
    assert feature_store.share(mask, 2).tolist() == [[round(255 / 4), 0], [0, 255]]


def test_maps_are_enlarged_as_log_odds_and_only_then_made_probabilities():
    odds = torch.tensor([[0.0, 100.0]])  # between them 50, which is as good as certain; not the 3/4 between 1/2 and 1
    found = FilteredImage(Sample("parts", "a", "test", "good", "a.png"), odds, "parts").probability(1, 3)
    assert found.tolist() == [[0.5, 1.0, 1.0]]


def test_templates_that_are_matched_apart_give_the_mean_of_probabilities_not_of_log_odds():
    odds = iter([0.0, 4.0])  # 1/2 and .98

    def network(*_):
        pixels = torch.zeros(1, 2, 1, 1)
        pixels[:, 1] = next(odds)
        return pixels, torch.zeros(1, 1)

    settings = TINY.model_copy(update={"apart": True})
    made = Filter(network, {"parts": [torch.rand(2, 3, 4, 4).half()]}, settings, None, 64)
    found, _ = made.filtered([torch.rand(1, 3, 4, 4)], "parts")
    mean = (0.5 + 1 / (1 + np.exp(-4))) / 2
    assert float(found) == pytest.approx(np.log(mean / (1 - mean)), rel=1e-4)


def test_ranks_are_read_from_all_maps_from_their_lowest_to_their_highest_scores():
    rng = np.random.default_rng(0)
    maps = {"low": rng.random((40, 50)), "high": 10 + 10 * rng.random((30, 30))}
    given = SimpleNamespace(samples=list(maps), scores=lambda one: maps[one].astype(np.float32))
    levels = refine_category.levels(given)
    assert (np.diff(levels) >= 0).all()
    assert (levels[0], levels[-1]) == pytest.approx((maps["low"].min(), maps["high"].max()))
    ranks = np.searchsorted(levels, [0.5, 5.0, 15.0]) / len(levels)
    assert ranks.tolist() == pytest.approx([0.25, 0.5, 0.75], abs=0.02)


def test_the_filter_is_judged_by_painters_that_it_did_not_learn_from_and_by_clean_parts(tmp_path, monkeypatch):
    arrays.write_png(tmp_path / "0.png", np.random.default_rng(0).integers(90, 160, (48, 48, 3), dtype=np.uint8))
    held_out = [Sample("parts", "train/good/0", "train", "good", tmp_path / "0.png")]
    real, kinds = defects.paint, []

    def paint(image, kind, *arguments, **options):
        kinds.append(kind)
        return real(image, kind, *arguments, **options)

    monkeypatch.setattr(defects, "paint", paint)
    found = list(validation.painted_images(held_out, 48, 40, 0, tmp_path / "smaller"))
    clean = sum(not mask.any() for _, mask in found)
    assert 8 <= clean <= 24, "two in five"
    assert set(kinds) <= set(defects.JUDGING_KINDS)
    assert not set(kinds) & set(defects.KINDS)


def test_the_share_of_recognised_categories_is_that_of_the_painted_images(monkeypatch, tmp_path):
    scores = np.zeros((2, 2), np.float32)
    trial = PaintedTrial(scores, scores, np.zeros((2, 2), bool))
    named = {"clean": ["other"], "painted": ["parts", "other", "parts", "parts"]}
    monkeypatch.setattr(validation, "painted_images", lambda *_: "painted")

    def both(made, model, eye, pictures, count):
        return [(trial, name) for name in named["painted" if pictures == "painted" else "clean"]]

    monkeypatch.setattr(validation, "_both", both)
    frame = SimpleNamespace(image_size=64, tiling=None)
    held_out = [Sample("parts", "train/good/0", "train", "good", tmp_path / "0.png")]
    model, eye = SimpleNamespace(frame=frame), SimpleNamespace(side=64)
    found = validation.gather(None, model, eye, held_out, 4, 0, tmp_path / "painted")
    assert found.recognised == 0.75
    assert (len(found.trials), len(found.clean)) == (4, 1)


def figures_of(table, monkeypatch):
    """Let the figures of a mix be those of a table, by its weight; the given maps have the weight 0."""

    class Truth:
        def __init__(self, masks):
            self.masks = masks

        def figures(self, maps):
            return blending.BlendFigures(*table[round(float(maps[0].max()), 3)], None)

    monkeypatch.setattr(blending, "PaintedTruth", Truth)
    zero, one = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    return [PaintedTrial(zero, one, np.ones((4, 4), bool))]


def judged(table, monkeypatch):
    trials = figures_of(table, monkeypatch)
    return blending.judge(trials, [np.array([[0.0, 1.0]], np.float32)])


GIVEN = blending.ScoreScale(0.5, 0.99).apply(np.zeros(1, np.float32))[0]


def by_weight(pixel_ap, aupro):
    """A table of figures: the given maps', then those of each weight that is tried."""
    mixed = [round(float(GIVEN) + weight, 3) for weight in blending.WEIGHTS]
    return dict(zip([0.0, *mixed], zip(pixel_ap, aupro, strict=True), strict=True))


def test_the_least_weight_with_nine_tenths_of_the_gain_is_taken(monkeypatch):
    aps = [0.1, 0.2, 0.5, 0.89, 0.99, 1.01, 1.1, 0.6]  # gains .89 and .91 of 1.0 at the weights 3 and 5
    found = judged(by_weight(aps, [0.5] * 8), monkeypatch)
    assert (found.best_weight, found.mixture.weight) == (5.0, 5.0)


def test_a_mix_that_loses_aupro_is_not_taken_whatever_pixel_ap_says(monkeypatch):
    aps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    found = judged(by_weight(aps, [0.5] + [0.499] * 7), monkeypatch)
    assert found.best.pixel_ap > found.given.pixel_ap
    assert found.mixture.weight == 0.0


def test_a_thin_defect_stays_when_masks_are_made_smaller():
    large = 4 * blending.SIDE
    mask = np.zeros((large, large), bool)
    mask[:, 0:2] = True  # half of a small pixel
    mask[:, 100] = True  # a quarter of one, and no more
    small = blending.covered(mask)
    assert small[:, 0].all()
    assert not small[:, 25].any()
