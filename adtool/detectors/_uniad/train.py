"""Training of UniAD on cached features of normal images; it goes on after a kill."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from adtool.core import progress
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._hvq.scale import FeatureScale
from adtool.detectors._uniad.network import UnifiedRebuilder
from adtool.nn import seeding
from adtool.nn.training_checkpoint import TrainingJournal

MAX_NORM = 0.1  # of the gradient (the authors' code)
DROP_AT, DROP = 0.8, 0.1  # share of the steps after which the learning rate is a tenth
ROW_EVERY = 20  # steps
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
    journal = TrainingJournal(folder, {"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, device)
    begun = journal.begun
    order = seeding.order(len(cache), plan.steps * plan.batch, plan.seed, start=begun * plan.batch)
    network.train()
    total, counted = 0.0, 0
    with progress.bar("training steps", plan.steps) as bar:
        bar.advance(begun)
        for step, (seen,) in enumerate(cache.batches(order, plan.batch), start=begun):
            pace = plan.rate(step)
            for each in optimizer.param_groups:
                each["lr"] = pace
            truth = scale.apply(seen.to(device))
            with seeding.drawn_from(plan.seed, step, device):
                is_jittered = float(torch.rand(())) < plan.jitter_share
                made = network(truth, plan.jitter if is_jittered else 0.0)
            loss = F.mse_loss(made, truth)
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
