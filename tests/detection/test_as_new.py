"""Normal images as if they were new: who is left out of what, and what is painted on them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adtool.core.dataset.types import Sample
from adtool.core.limits.evidence import CROSS_FITTED, HELD_OUT
from adtool.detection import as_new
from adtool.detection.as_new import Normals
from adtool.detection.contract import Scored
from adtool.detection.scoring import OpenedModel
from adtool.nn.feature_reader import SeenImage


def sample(name):
    return Sample("parts", f"train/good/{name}", "train", "good", Path(f"{name}.png"))


class CrossFitted:
    """Scores 1 for whom it knows, and 10 with the group that it leaves out."""

    def score(self, seen):
        return Scored(seen.sample, np.ones((2, 2), np.float32), 1.0)

    def score_without(self, seen, group):
        return Scored(seen.sample, np.ones((2, 2), np.float32), 10.0 + group)

    def tensors(self):
        return {}

    def card(self):
        return {}


def seen(name):
    return SeenImage(sample(name), [], (2, 2))


FRAME = SimpleNamespace(see=lambda samples: [seen(one.image.stem) for one in samples])


def test_a_normal_image_is_scored_without_its_group_and_a_new_one_with_all():
    opened = OpenedModel(CrossFitted(), FRAME, {Path("a.png"): 3})
    assert [one.image_score for one in opened.score_as_new([sample("a"), sample("new")])] == [13.0, 1.0]
    assert [one.image_score for one in opened.score([sample("a")])] == [1.0]


@pytest.mark.parametrize(("how", "score"), [(CROSS_FITTED, 13.0), (HELD_OUT, 1.0)])
def test_only_what_was_learned_from_is_left_out(how, score):
    normals = Normals(OpenedModel(CrossFitted(), FRAME), [sample("a")], {Path("a.png"): 3}, None, how)
    assert normals.score(seen("a")).image_score == score


def learned(groups, again):
    return SimpleNamespace(
        groups=lambda: {Path(f"{k}.png"): group for k, group in enumerate(groups)},
        to_score=lambda: ([sample(k) for k in range(len(groups))], None),
        shown_again=lambda: again,
    )


@pytest.mark.parametrize(("again", "warns"), [(2, False), (3, True)])
def test_more_than_a_tenth_of_surfaces_that_are_shown_again_are_warned_of(again, warns, caplog):
    as_new.cross_fitted(OpenedModel(CrossFitted(), FRAME), learned(range(20), again))
    assert (f"{again} of 20 normal images show a surface that others show, too" in caplog.text) == warns


def test_images_that_are_all_alike_tell_nothing():
    found = as_new.cross_fitted(OpenedModel(CrossFitted(), FRAME), learned([0] * 20, 20))
    assert list(found.samples) == []


@pytest.mark.parametrize(("count", "painted"), [(3, 20), (99, 20), (300, 60), (4000, 100)])
def test_one_image_is_painted_for_five_normal_ones_twenty_to_a_hundred(count, painted, monkeypatch):
    asked = []
    monkeypatch.setattr(as_new, "paint", lambda samples, frame, count: asked.append(count) or [])
    frame = SimpleNamespace(see=list)
    normals = Normals(OpenedModel(CrossFitted(), frame), [sample(k) for k in range(count)], {}, None, HELD_OUT)
    assert as_new._painted(normals, lambda one: one.id) == []
    assert asked == [painted]
