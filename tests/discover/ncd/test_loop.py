import numpy as np
import pytest
import torch

from adtool.core.errors import BadDataError
from adtool.discover.ncd import loop
from adtool.discover.ncd.encoder import LastStage
from adtool.discover.ncd.heads import Heads, ProjectionHead
from adtool.discover.ncd.loop import Learner, LoopSettings, Targets

COUNT, DIMENSION = 24, 8


class Cloud:
    """Three heaps of points, two noisy views each, as if they were tokens."""

    def __init__(self, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.kinds = torch.arange(COUNT) % 3
        centres = 4 * torch.eye(DIMENSION)[:3]
        self.points = centres[self.kinds] + 0.3 * torch.randn(2, COUNT, DIMENSION, generator=generator)

    def __len__(self):
        return COUNT

    def batch(self, index, view):
        rows = self.points[torch.as_tensor(list(view)), torch.as_tensor(list(index))]
        return rows.unsqueeze(1), torch.ones(len(rows), 1, dtype=torch.bool)


def learner(seed=0):
    generator = torch.Generator().manual_seed(seed)
    heads = Heads(DIMENSION, 3, 2, generator)
    return Learner(LastStage(DIMENSION, generator), heads, ProjectionHead(DIMENSION, generator, hidden=16, projected=4))


def recipe(epochs):
    return LoopSettings(epochs, batch_size=8, rate=0.05, views=2, seed=0)


NO_LABELS = Targets(np.full(COUNT, -1), np.zeros(COUNT), 0)


def test_heaps_become_classes(tmp_path):
    cloud, net = Cloud(), learner()
    trained = loop.train(net, lambda _: cloud, NO_LABELS, recipe(20), tmp_path / "state.pt")
    found = net.heads(loop.features(net.last, cloud))[trained.head].argmax(dim=1)
    assert len({tuple(found[cloud.kinds == kind].tolist()) for kind in range(3)}) == 3
    assert all(len(set(found[cloud.kinds == kind].tolist())) == 1 for kind in range(3))
    assert trained.curves[-1]["pseudo_label"] < trained.curves[0]["pseudo_label"]


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    cloud, whole, again = Cloud(), learner(), learner()
    straight = loop.train(whole, lambda _: cloud, NO_LABELS, recipe(4), tmp_path / "whole.pt")

    def killed_in_the_third_epoch(epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return cloud

    state = tmp_path / "part.pt"
    with pytest.raises(KeyboardInterrupt):
        loop.train(learner(), killed_in_the_third_epoch, NO_LABELS, recipe(4), state)
    resumed = loop.train(again, lambda _: cloud, NO_LABELS, recipe(4), state)
    assert resumed.curves == straight.curves
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("kept_bytes", [0, 1000])
def test_a_damaged_checkpoint_is_named_and_what_to_do(tmp_path, kept_bytes):
    state = tmp_path / "state.pt"
    loop.train(learner(), lambda _: Cloud(), NO_LABELS, recipe(1), state)
    state.write_bytes(state.read_bytes()[:kept_bytes])
    with pytest.raises(BadDataError, match=r"state\.pt is damaged.*starts again"):
        loop.train(learner(), lambda _: Cloud(), NO_LABELS, recipe(2), state)


def test_labelled_samples_teach_their_columns(tmp_path):
    cloud, net = Cloud(), learner()
    labels = np.where(cloud.kinds.numpy() == 0, 0, -1)
    targets = Targets(labels, np.zeros(COUNT), 1)
    trained = loop.train(net, lambda _: cloud, targets, recipe(20), tmp_path / "state.pt")
    found = net.heads(loop.features(net.last, cloud))[trained.head].argmax(dim=1)
    assert set(found[cloud.kinds == 0].tolist()) == {0}
    assert trained.curves[-1]["ce"] < trained.curves[0]["ce"]


def test_the_rate_falls_on_half_a_cosine_to_a_thousandth():
    assert loop.falling(0, 10) == 1
    assert loop.falling(5, 10) == pytest.approx(0.5005)
    assert loop.falling(10, 10) == pytest.approx(0.001)


def test_the_best_head_is_that_with_the_smallest_loss_of_the_last_epoch():
    curves = [{"total": 1.0, "head 0": 0.1, "head 1": 0.2}, {"total": 0.5, "head 0": 0.3, "head 1": 0.2}]
    assert loop.best_head(curves) == 1
    assert loop.best_head([]) == 0


def test_each_epoch_has_its_rate(tmp_path, monkeypatch):
    rates = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append({group["lr"] for group in self.param_groups})
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "SGD", Watched)
    loop.train(learner(), lambda _: Cloud(), NO_LABELS, recipe(2), tmp_path / "state.pt")
    assert rates[:3] == [{0.05}] * 3  # three batches of eight
    assert [rate for each in rates[3:] for rate in each] == pytest.approx([0.05 * 0.5005] * 3)
