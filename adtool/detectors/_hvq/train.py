"""Training of HVQ-Trans on cached features of normal images; it goes on after a kill."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from adtool.core import progress
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._hvq.network import QuantisedRebuilder
from adtool.detectors._hvq.scale import FeatureScale
from adtool.nn import seeding
from adtool.nn.training_checkpoint import TrainingJournal

MAX_NORM = 0.1  # of the gradient
COMMITMENT = 0.25  # its weight in the loss
DROP_AT, DROP = 0.8, 0.1  # share of the steps after which the learning rate is a tenth
ROW_EVERY = 20  # steps
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
    journal = TrainingJournal(folder, {"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, device)
    begun = journal.begun
    order = seeding.order(len(lesson.cache), plan.steps * plan.batch, plan.seed, start=begun * plan.batch)
    network.train()
    sums, counted = torch.zeros(2), 0
    with progress.bar("training steps", plan.steps) as bar:
        bar.advance(begun)
        for number, (seen,) in enumerate(lesson.cache.batches(order, plan.batch)):
            step = begun + number
            for each in optimizer.param_groups:
                each["lr"] = plan.learn_rate * (DROP if step >= DROP_AT * plan.steps else 1.0)
            truth = lesson.scale.apply(seen.to(device))
            labels = [lesson.labels[i] for i in order[number * plan.batch : (number + 1) * plan.batch]]
            with seeding.drawn_from(plan.seed, step, device):
                made = network(truth, labels)
            distance = F.mse_loss(made.features, truth)
            optimizer.zero_grad()
            torch.autograd.backward(distance + COMMITMENT * made.commitment)
            torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
            optimizer.step()
            bar.advance(1)
            sums, counted = sums + torch.stack([distance.detach(), made.commitment.detach()]).cpu(), counted + 1
            if (step + 1) % ROW_EVERY == 0 or step + 1 == plan.steps:
                features, commitment = (sums / counted).tolist()
                journal.row(step + 1, features + COMMITMENT * commitment, features, commitment)
                sums, counted = torch.zeros(2), 0
    journal.close()
    network.eval().requires_grad_(requires_grad=False)
