"""Training of UniAD on cached features of normal images; it goes on after a kill."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detection import training
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.training import Course
from adtool.detectors._hvq.scale import FeatureScale
from adtool.detectors._uniad.network import UnifiedRebuilder
from adtool.nn import seeding

DROP_AT, DROP = 0.8, 0.1  # share of the steps after which the learning rate is a tenth
COLUMNS = ("step", "loss", "rate", "seconds")


@dataclass(frozen=True)
class UniadSchedule:
    """How long and how fast.

    Attributes:
        steps: of the optimizer.
        batch: images a step.
        learn_rate, weight_decay: of AdamW.
        jitter: of the features, see `network.jittered`.
        jitter_share: the share of the batches that are jittered.
        seed: of the order of images, of dropout and of noise.
    """

    steps: int
    batch: int
    learn_rate: float
    weight_decay: float
    jitter: float
    jitter_share: float
    seed: int

    def rate(self, step: int) -> float:
        """The learning rate at a step."""
        return self.learn_rate * (DROP if step >= DROP_AT * self.steps else 1.0)


def train(
    cache: FeatureCache,
    scale: FeatureScale,
    network: UnifiedRebuilder,
    plan: UniadSchedule,
    folder: Path,
    device: torch.device,
) -> None:
    """Train the network in place; the last step stays.

    Args:
        cache: (C, h, w) features of each image.
        scale: of the features.
        network: on `device`.
        plan: how long and how fast.
        folder: of the checkpoint and of curves.csv.
        device: where to train.
    """
    optimizer = torch.optim.AdamW(network.parameters(), plan.learn_rate, weight_decay=plan.weight_decay)

    def learn(step: int, batch: list[Tensor]) -> Tensor:
        truth = scale.apply(batch[0].to(device))
        with seeding.drawn_from(plan.seed, step, device):
            is_jittered = float(torch.rand(())) < plan.jitter_share
            made = network(truth, plan.jitter if is_jittered else 0.0)
        loss = F.mse_loss(made, truth)
        training.descend(loss, optimizer, plan.rate(step), clipped=network)
        return loss.detach().double().unsqueeze(0)

    def row(step: int, means: Sequence[float]) -> Sequence[float]:
        return (*means, plan.rate(step))

    seen = training.batches(cache, plan.steps, plan.batch, plan.seed)
    network.train()
    course = Course({"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, seen, learn, row)
    training.train(course, folder, device)
    network.eval().requires_grad_(requires_grad=False)
