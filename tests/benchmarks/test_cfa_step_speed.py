"""A training step of CFA against one that keeps and differentiates the full matrix of distances.

`pytest tests/benchmarks/test_cfa_step_speed.py --benchmark-enable -s` prints both and their ratio, for features of a
ResNet-18 at 224 px, 4 images a step. The normal suite compares the two on a small grid.
"""

import copy
import statistics
import time

import pytest
import torch
import torch.nn.functional as F

from adtool.detectors._cfa.descriptor import Descriptor, coordinates, joined
from adtool.detectors._cfa.loss import Pull, losses
from adtool.nn import knn

CHANNELS = (64, 128, 256)  # of a ResNet-18's strides 4, 8, 16
PULL = Pull()
PAIRS = 7
MOST = 0.6  # of the direct way's time


class Case:
    """The same weights, memory and features for both ways; `grid` is that of the first layer."""

    def __init__(self, grid: int, batch: int, channels: tuple[int, ...]) -> None:
        generator = torch.Generator().manual_seed(0)
        sides = (grid, grid // 2, grid // 4)
        self.layers = [torch.rand(batch, c, s, s, generator=generator) for c, s in zip(channels, sides, strict=True)]
        self.descriptor = Descriptor(sum(channels), generator=generator)
        with torch.no_grad():
            self.bank = self.descriptor(joined(self.layers).mean(dim=0, keepdim=True))
        self.radius = torch.tensor(0.5)

    def trainable(self) -> tuple[Descriptor, torch.Tensor, torch.optim.Optimizer]:
        descriptor, radius = copy.deepcopy(self.descriptor), self.radius.clone().requires_grad_()
        return descriptor, radius, torch.optim.AdamW([*descriptor.parameters(), radius], 1e-3, amsgrad=True)


def ours(case: Case):
    descriptor, radius, optimizer = case.trainable()
    bank = knn.Bank(case.bank)

    def step() -> float:
        attraction, repulsion = losses(descriptor(joined(case.layers)), bank, radius, PULL)
        loss = attraction + repulsion
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, descriptor, radius


def direct(case: Case):
    descriptor, radius, optimizer = case.trainable()
    bank_square = case.bank.square().sum(dim=1)

    def step() -> float:
        patches = joined(case.layers)
        where = coordinates(*patches.shape[-2:]).T.unflatten(1, patches.shape[-2:]).expand(len(patches), -1, -1, -1)
        found = F.conv2d(torch.cat([patches, where], dim=1), descriptor.weight[:, :, None, None], descriptor.bias)
        vectors = found.flatten(2).transpose(1, 2)  # (B, P, D)
        matrix = vectors.square().sum(dim=2, keepdim=True) + bank_square - 2 * vectors @ case.bank.T  # (B, P, M)
        distances = matrix.topk(PULL.attracted + PULL.repelled, largest=False).values
        square = radius.square()
        attraction = F.relu(distances[..., : PULL.attracted] - square).mean()
        repulsion = F.relu(square - distances[..., PULL.attracted :] - PULL.margin).mean()
        loss = PULL.scale * (attraction + repulsion)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, descriptor, radius


def test_both_ways_learn_the_same():
    case = Case(12, 2, (4, 8, 16))
    (fast, *learned), (slow, *expected) = ours(case), direct(case)
    for _ in range(5):
        assert fast() == pytest.approx(slow(), rel=1e-4)
    assert torch.allclose(learned[0].weight, expected[0].weight, atol=1e-4)
    assert learned[1].item() == pytest.approx(expected[1].item(), rel=1e-4)
    assert not torch.equal(learned[0].weight, case.descriptor.weight)


def spent(step) -> float:
    """Seconds of the processor, which other programs on the machine hardly change."""
    started = time.process_time()
    step()
    return time.process_time() - started


@pytest.fixture
def one_thread():
    """Threads that wait for each other burn time, too, and not the same in each run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_step_of_training(benchmark, one_thread):
    case = Case(56, 4, CHANNELS) if benchmark.enabled else Case(12, 2, (4, 8, 16))
    (fast, *_), (slow, *_) = ours(case), direct(case)
    assert fast() == pytest.approx(slow(), rel=1e-4)
    # In turn, so that both meet the same machine, and compared pair by pair.
    pairs = [(spent(fast), spent(slow)) for _ in range(PAIRS if benchmark.enabled else 1)]
    assert fast() == pytest.approx(slow(), rel=1e-3), "the loss is equal after training, too"
    benchmark.pedantic(fast, rounds=1)
    if benchmark.enabled:
        ratio = statistics.median(one / other for one, other in pairs)
        benchmark.extra_info["ratio"] = ratio
        ours_ms, direct_ms = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
        print(
            f"\nms of processor a step: ours {ours_ms:.0f}, direct {direct_ms:.0f}; ratio {ratio:.2f} (at most {MOST})"
        )
        assert ratio <= MOST
