"""Training of HVQ-Trans on cached features of normal images; it goes on after a kill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detection import training
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.training import Course
from adtool.detectors._hvq.network import QuantisedRebuilder
from adtool.detectors._hvq.scale import FeatureScale
from adtool.nn import seeding

COMMITMENT = 0.25  # its weight in the loss
DROP_AT, DROP = 0.8, 0.1  # share of the steps after which the learning rate is a tenth
COLUMNS = ("step", "loss", "features", "commitment", "seconds")


@dataclass(frozen=True)
class HvqSchedule:
    """How long and how fast.

    Attributes:
        steps: of the optimizer.
        batch: images a step.
        learn_rate, weight_decay: of AdamW.
        seed: of the order of images and of dropout.
    """

    steps: int
    batch: int
    learn_rate: float
    weight_decay: float
    seed: int

    def rate(self, step: int) -> float:
        """The learning rate at a step."""
        return self.learn_rate * (DROP if step >= DROP_AT * self.steps else 1.0)


@dataclass(frozen=True)
class CachedImages:
    """What is learned from.

    Attributes:
        cache: (C, h, w) features of each image.
        labels: the category of each.
        scale: of the features.
    """

    cache: FeatureCache
    labels: Sequence[int]
    scale: FeatureScale


def train(
    lesson: CachedImages, network: QuantisedRebuilder, plan: HvqSchedule, folder: Path, device: torch.device
) -> None:
    """Train the network in place; the last step stays. `folder` is that of the checkpoint and of curves.csv."""
    optimizer = torch.optim.AdamW(network.parameters(), plan.learn_rate, weight_decay=plan.weight_decay)

    def batches(start: int) -> Iterator[list[Tensor]]:
        """Features, and behind them the number of each image's category."""
        order = training.order(len(lesson.cache), plan.steps, plan.batch, plan.seed, start)
        labels = (order[i : i + plan.batch] for i in range(0, len(order), plan.batch))
        for (seen,), images in zip(lesson.cache.batches(order, plan.batch), labels, strict=True):
            yield [seen, torch.tensor([lesson.labels[one] for one in images])]

    def learn(step: int, batch: list[Tensor]) -> Tensor:
        truth = lesson.scale.apply(batch[0].to(device))
        with seeding.drawn_from(plan.seed, step, device):
            made = network(truth, batch[1].tolist())
        distance = F.mse_loss(made.features, truth)
        training.descend(distance + COMMITMENT * made.commitment, optimizer, plan.rate(step), clipped=network)
        return torch.stack([distance.detach(), made.commitment.detach()])

    def row(_: int, means: Sequence[float]) -> Sequence[float]:
        return (means[0] + COMMITMENT * means[1], *means)

    network.train()
    course = Course({"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, batches, learn, row)
    training.train(course, folder, device)
    network.eval().requires_grad_(requires_grad=False)
