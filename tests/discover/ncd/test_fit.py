"""How the trained method starts, and what it hands on to the classes of images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.discover import assign
from adtool.discover.assign import Assigned, DiscoveredClasses
from adtool.discover.ncd import fit, loop, method
from adtool.discover.ncd.fit import TrainingCrops

POINTS = np.repeat(np.eye(3), 6, axis=0) + np.random.default_rng(0).normal(0, 0.01, (18, 3))
NOTHING = np.zeros(0, np.int64)


def test_each_head_starts_with_the_most_normal_cluster_as_its_first_novel_class(monkeypatch):
    """The losses pull what scores low to the first novel class, so that is where normal crops have to be."""
    normality = np.repeat([0.0, 0.4, 0.1], 6)  # the second heap is the normal one
    material = TrainingCrops([None] * 18, normality, [None], np.zeros(1, np.int64))  # one labelled class before them
    monkeypatch.setattr(loop, "features", lambda last, plain: torch.from_numpy(np.concatenate([POINTS, POINTS[:1]])))
    weight = torch.zeros(2, 4, 3, dtype=torch.float64)
    learner = SimpleNamespace(last=None, heads=SimpleNamespace(weight=weight))
    fit._start_from_clusters(learner, None, material, seed=0)
    assert not weight[:, 0].any(), "the labelled class is not touched"
    for head in weight:
        assert head[1].argmax() == 1
        assert {int(one.argmax()) for one in head[1:]} == {0, 1, 2}


def test_each_head_starts_with_the_classes_that_crops_were_given(monkeypatch):
    given = np.repeat([1, 0, 1], 6)  # the first and the third heap are of one class
    material = TrainingCrops([None] * 18, np.zeros(18), [None], np.zeros(1, np.int64), given)
    monkeypatch.setattr(loop, "features", lambda last, plain: torch.from_numpy(np.concatenate([POINTS, POINTS[:1]])))
    weight = torch.zeros(2, 3, 3, dtype=torch.float64)
    learner = SimpleNamespace(last=None, heads=SimpleNamespace(weight=weight))
    fit._start_from_classes(learner, None, material, given)
    for head in weight:
        assert head.numpy() == pytest.approx(np.array([[0, 0, 0], [0, 1, 0], [0.5, 0, 0.5]]), abs=0.02)
    assert material.targets().given.tolist() == [*given.tolist(), -1]


def test_crops_that_score_low_lean_to_normal_and_labelled_ones_do_not():
    material = method.gather([None] * 3, np.array([0.1, 0.5, 0.9]), None)
    assert material.normality.tolist() == pytest.approx([0.4, 0, 0])  # what lacks to one half
    with_base = TrainingCrops(material.items, material.normality, [None] * 2, np.array([0, 1]))
    targets = with_base.targets()
    assert targets.labels.tolist() == [-1, -1, -1, 0, 1]
    assert targets.normality.tolist() == pytest.approx([0.4, 0, 0, 0, 0])
    assert with_base.n_base == 2


def test_the_class_of_an_image_leans_to_normal_as_far_as_its_score_says():
    probabilities = np.array([[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
    classes = DiscoveredClasses(["c1", "normal", "c2"], None, probabilities[:, [1, 0, 2]], None, {}, {})
    whole = np.ones(2, np.int64)
    found = assign.merge_crops(classes, np.arange(2), whole, np.ones(2), np.array([0.0, 0.5]))
    assert found.labels.tolist() == [0, 1]
    assert found.confidence.tolist() == pytest.approx([0.6, 0.55])  # a half of .1, and a half
    plain = assign.merge_crops(classes, np.arange(2), whole, np.ones(2))
    assert isinstance(plain, Assigned)
    assert plain.labels.tolist() == [0, 0]


def test_a_score_below_one_half_says_how_certainly_an_image_is_normal():
    assert assign.certainly_normal(np.array([0.0, 0.25, 0.5, 1.0])).tolist() == [1, 0.5, 0, 0]
