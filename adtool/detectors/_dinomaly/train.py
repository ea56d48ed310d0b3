"""Training of the reconstructor on cached features of normal images; it goes on after a kill."""

from dataclasses import dataclass
from pathlib import Path

import torch

from adtool.core import progress
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._dinomaly.loss import easy_share, loose_loss
from adtool.detectors._dinomaly.network import Reconstructor
from adtool.detectors._dinomaly.optimizer import StableAdamW, rate
from adtool.nn import seeding
from adtool.nn.training_checkpoint import TrainingJournal

MAX_NORM = 0.1  # of the gradient
ROW_EVERY = 20  # steps
COLUMNS = ("step", "loss", "rate", "seconds")


@dataclass(frozen=True)
class DinomalySchedule:
    """How long and how fast.

    Attributes:
        steps: of the optimizer.
        batch: images a step.
        peak, last: learning rate after the warm-up, and at the end.
        warm_up: steps in which it rises.
        easy_until: steps in which the share of easy places rises.
        weight_decay: of the optimizer.
        seed: of the order of images and of the noise.
    """

    steps: int
    batch: int
    peak: float
    last: float
    warm_up: int
    easy_until: int
    weight_decay: float
    seed: int


def train(
    cache: FeatureCache, network: Reconstructor, plan: DinomalySchedule, folder: Path, device: torch.device
) -> None:
    """Train the network in place; the last step stays.

    Args:
        cache: (T, C) tokens of each group of encoder layers.
        network: on `device`.
        plan: how long and how fast.
        folder: of the checkpoint and of curves.csv.
        device: where to train.
    """
    optimizer = StableAdamW(network.parameters(), plan.peak, weight_decay=plan.weight_decay)
    journal = TrainingJournal(folder, {"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, device)
    begun = journal.begun
    order = seeding.order(len(cache), plan.steps * plan.batch, plan.seed, start=begun * plan.batch)
    network.train()
    total, counted = 0.0, 0
    with progress.bar("training steps", plan.steps) as bar:
        bar.advance(begun)
        for step, groups in enumerate(cache.batches(order, plan.batch), start=begun):
            pace = rate(step, steps=plan.steps, warm_up=plan.warm_up, peak=plan.peak, last=plan.last)
            for each in optimizer.param_groups:
                each["lr"] = pace
            tokens = [group.to(device) for group in groups]
            with seeding.drawn_from(plan.seed, step, device):
                loss = loose_loss(network.patches(tokens), network(tokens), easy_share(step, plan.easy_until))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
            optimizer.step()
            bar.advance(1)
            total, counted = total + float(loss.detach()), counted + 1
            if (step + 1) % ROW_EVERY == 0 or step + 1 == plan.steps:
                journal.row(step + 1, total / counted, pace)
                total, counted = 0.0, 0
    journal.close()
    network.eval().requires_grad_(requires_grad=False)
