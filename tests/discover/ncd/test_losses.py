from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.discover.ncd import losses as module
from adtool.discover.ncd.losses import (
    Batch,
    contrast_logits,
    contrastive,
    cross_entropy,
    losses,
    mean_entropy,
    normality,
    pseudo_label,
    pseudo_labels,
    supervised_contrastive,
    teacher_temperature,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "ncd_losses.npz"
LN2 = float(np.log(2))


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def golden_batch(golden):
    labels = torch.where(golden["is_labelled"], golden["labels"], -1)
    return Batch(labels, normality(golden["anomaly_score"].nan_to_num(1.0)), int(golden["n_base"]))


def test_two_views_that_agree_and_differ_from_the_rest_cost_little():
    # Two samples at right angles: the other view has cosine 1, the two rest 0: log(e + 2) - 1.
    views = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert contrastive(views).item() == pytest.approx(np.log(np.e + 2) - 1)


def test_the_other_view_comes_first_and_the_rest_in_order():
    rows = torch.tensor([[1.0, 0], [0, 1], [3.0, 4], [-1, 0]])  # 0 and 2 are a pair
    assert contrast_logits(rows)[0].tolist() == pytest.approx([0.6, 0, -1])


def test_a_class_whose_samples_are_alike_costs_little():
    views = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    alike = supervised_contrastive(views, torch.tensor([0, 1]), temperature=1)
    mixed = supervised_contrastive(views, torch.tensor([0, 0]), temperature=1)
    assert alike.item() == pytest.approx(np.log(np.e + 2) - 1)
    assert mixed.item() == pytest.approx(np.log(np.e + 2) - 1 / 3)  # one of three has cosine 1


def test_cross_entropy_of_a_coin_is_ln_2():
    found = cross_entropy(torch.zeros(3, 4, 2), torch.tensor([0, 1, 0, 1]))
    assert found.tolist() == pytest.approx([LN2] * 3)


def test_classes_used_evenly_cost_nothing_and_a_single_one_ln_k():
    even = torch.tensor([[[9.0, 0], [0, 9]], [[9.0, 0], [9, 0]]])
    assert mean_entropy(even).tolist() == pytest.approx([0, LN2], abs=1e-6)


def test_a_low_score_pulls_the_pseudo_label_to_the_first_novel_class():
    logits = torch.zeros(1, 1, 3)  # a base class and two novel ones
    found = pseudo_labels(logits, normality(torch.tensor([0.1])), 1, 0.05)
    assert found.flatten().tolist() == pytest.approx([0, 0.4 + 0.6 * 0.5, 0.6 * 0.5])  # w = .5 - .1


def test_no_score_corrects_where_the_threshold_is_negative():
    assert normality(torch.tensor([0.0, 0.3]), threshold=-1).tolist() == [0, 0]


def test_each_view_learns_from_the_other_and_not_from_itself():
    sure, unsure = [[0.9, 0.0]], [[0.0, 0.0]]
    logits = torch.tensor([[*sure, *unsure]])
    # Labels: (1, 0) from the sure view, (1/2, 1/2) from the other: ln 2, and -(ln p + ln(1 - p)) / 2, p below.
    p = 1 / (1 + np.exp(-9))
    expected = (LN2 - (np.log(p) + np.log(1 - p)) / 2) / 2
    assert pseudo_label(logits, torch.zeros(1), 0, 0.01).item() == pytest.approx(expected, rel=1e-5)


def test_the_teacher_cools_over_four_fifths_of_the_epochs(golden):
    found = [teacher_temperature(epoch, 50) for epoch in range(50)]
    assert found == pytest.approx(golden["teacher_temp_schedule"].tolist(), abs=1e-12)
    assert teacher_temperature(0, 5) == pytest.approx(0.07)
    assert teacher_temperature(4, 5) == pytest.approx(0.04)


def test_without_labels_the_unsupervised_losses_have_the_whole_weight():
    generator = torch.Generator().manual_seed(0)
    logits, views = torch.randn(2, 8, 3, generator=generator), torch.randn(8, 5, generator=generator)
    batch = Batch(torch.full((4,), -1), torch.zeros(4), 0)
    found = losses(logits, views, batch, 0.05)
    expected = found.heads.mean() + contrastive(views)
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-6)
    assert found.terms["ce"] == found.terms["supcon"] == 0


def test_a_class_that_was_given_before_is_the_pseudo_label():
    logits = torch.tensor([[[0.3, 0.1, 0.1]], [[0.0, 0.9, 0.1]]])  # two heads, one sample, a base class and two others
    found = pseudo_labels(logits, torch.tensor([0.4]), 1, 0.05, torch.tensor([1]))
    assert found.tolist() == [[[0, 0, 1]], [[0, 0, 1]]]


def test_labelled_samples_have_no_class_that_was_given_before():
    logits, views = torch.zeros(1, 4, 3), torch.eye(4)
    batch = Batch(torch.tensor([0, -1]), torch.zeros(2), 1, torch.tensor([-1, 1]))
    assert losses(logits, views, batch, 0.05).total.isfinite()


def test_a_batch_of_labelled_samples_alone_has_no_pseudo_label():
    generator = torch.Generator().manual_seed(0)
    logits, views = torch.randn(2, 8, 3, generator=generator), torch.randn(8, 5, generator=generator)
    found = losses(logits, views, Batch(torch.tensor([0, 1, 0, 1]), torch.zeros(4), 2), 0.05)
    assert found.terms["pseudo_label"] == 0
    assert found.total.isfinite()


def test_every_term_equals_the_reference(golden):
    batch = golden_batch(golden)
    weights = batch.normality[~batch.labelled]
    assert torch.allclose(weights, golden["pseudo_label_weight"], atol=1e-7)
    assert torch.allclose(contrast_logits(golden["proj"]), golden["nce_logits"], rtol=1e-5, atol=1e-6)
    for row, epoch in enumerate(golden["epochs"].tolist()):
        found = losses(golden["logits"], golden["proj"], batch, teacher_temperature(epoch, 50))
        expected = {
            "pseudo_label": golden["distill"][row].mean(),
            "spread": golden["entropy"][row].mean(),
            "ce": golden["ce"][row].mean(),
            "contrastive": golden["contrastive"][row],
            "supcon": golden["supcon"][row],
        }
        assert found.terms == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-5)
        assert found.heads.tolist() == pytest.approx(golden["pseudo_label_total"][row].tolist(), rel=1e-5)
        assert found.total.item() == pytest.approx(golden["total"][row].item(), rel=1e-5)


def test_the_loss_without_correction_equals_the_reference(golden):
    novel = golden["logits"][:, ~golden["is_labelled"].repeat(2)]
    nothing = torch.zeros(novel.shape[1] // 2)
    for row, epoch in enumerate(golden["epochs"].tolist()):
        found = pseudo_label(novel, nothing, int(golden["n_base"]), teacher_temperature(epoch, 50))
        assert found[0].item() == pytest.approx(golden["distill_no_correction"][row].item(), rel=1e-5)


def test_the_gradients_equal_the_reference(golden):
    logits = golden["logits"].clone().requires_grad_()
    projections = golden["proj"].clone().requires_grad_()
    losses(logits, projections, golden_batch(golden), teacher_temperature(30, 50)).total.backward()
    for found, name in ((logits.grad, "grad_logits_epoch30"), (projections.grad, "grad_proj_epoch30")):
        expected = golden[name]
        assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_weights_are_those_of_the_reference(golden):
    assert pytest.approx(golden["sup_weight"].item()) == module.SUPERVISED_WEIGHT
    assert pytest.approx(golden["memax_weight"].item()) == module.SPREAD_WEIGHT
    assert pytest.approx(golden["anomaly_thred"].item()) == module.NORMAL_SCORE
