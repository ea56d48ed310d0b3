import pytest
import torch

from adtool.core.dataset.types import Sample
from adtool.detectors._patchcore import pooling
from adtool.detectors.patchcore import Model, PatchMemory, Settings
from adtool.nn.feature_reader import SeenImage


def test_two_distances_at_their_usual_level_stay_as_they_are():
    found = pooling.both(torch.full((2, 2), 3.0), torch.full((1, 1), 5.0), (3.0, 5.0), pooling.WEIGHT)
    assert found.tolist() == [[3, 3], [3, 3]]


def test_the_one_that_is_more_unusual_counts_more():
    found = pooling.both(torch.tensor([[1.0]]), torch.tensor([[40.0]]), (1.0, 10.0), pooling.WEIGHT)
    assert float(found) == pytest.approx(((1 + 0.5 * 16) / 1.5) ** 0.5), "1 and 4 in the unit of the first"


def test_a_group_is_left_out_of_both_memories():
    def memory(*rows, origin):
        bank = torch.tensor(rows, dtype=torch.float32)
        return PatchMemory(bank, torch.zeros(1), torch.ones(1), torch.tensor(origin), None, torch.ones(1))

    settings = Settings(layers="8", blur=0, image_score="max")
    both = Model(memory([0], [9], origin=[1.0, 2.0]), settings, pooled=memory([0], [9], origin=[1.0, 2.0]))
    seen = SeenImage(Sample("c", "x", "test", "good", None), [torch.zeros(1, 3, 3)], (3, 3))
    assert both.score(seen).scores.max() == 0
    assert both.score_without(seen, 1).scores.min() == 9
    assert set(both.tensors()) >= {"bank", "pooled_bank", "pooled_level"}
