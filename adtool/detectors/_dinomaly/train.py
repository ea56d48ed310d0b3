"""Training of the reconstructor on cached features of normal images; it goes on after a kill."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adtool.core import progress
from adtool.detection import training
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._dinomaly.loss import easy_share, loose_loss
from adtool.detectors._dinomaly.network import Reconstructor
from adtool.detectors._dinomaly.optimizer import StableAdamW, rate
from adtool.nn import processes, seeding
from adtool.nn.training_checkpoint import TrainingJournal

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
    optimizer = _optimizer(network, plan)
    journal = TrainingJournal(folder, {"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, device)
    begun = journal.begun
    order = seeding.order(len(cache), plan.steps * plan.batch, plan.seed, start=begun * plan.batch)
    if processes.count() > 1:
        processes.require_share(plan.batch)
        processes.call(_follow, copy.deepcopy(network).cpu(), optimizer.state_dict(), plan, begun)
    total, counted = 0.0, 0
    batches = processes.batches(cache.batches(order, plan.batch), plan.steps - begun)
    with progress.bar("training steps", plan.steps) as bar:
        bar.advance(begun)
        for step, (loss, pace) in enumerate(_steps(network, optimizer, plan, begun, batches, device), start=begun + 1):
            bar.advance(1)
            total, counted = total + loss, counted + 1
            if step % training.ROW_EVERY == 0 or step == plan.steps:
                journal.row(step, total / counted, pace)
                total, counted = 0.0, 0
    journal.close()
    network.eval().requires_grad_(requires_grad=False)


def _optimizer(network: Reconstructor, plan: DinomalySchedule) -> StableAdamW:
    return StableAdamW(network.parameters(), plan.peak, weight_decay=plan.weight_decay)


def _follow(network: Reconstructor, state: dict[str, Any], plan: DinomalySchedule, begun: int) -> None:
    """In the other processes: take part in the first one's training."""
    device = processes.device()
    network = network.to(device)
    optimizer = _optimizer(network, plan)
    optimizer.load_state_dict(state)
    for _ in _steps(network, optimizer, plan, begun, processes.batches(None, plan.steps - begun), device):
        pass


def _steps(
    network: Reconstructor,
    optimizer: StableAdamW,
    plan: DinomalySchedule,
    begun: int,
    batches: Iterable[Sequence[Tensor]],
    device: torch.device,
) -> Iterator[tuple[float, float]]:
    """Train from step `begun`; the loss and the learning rate of each step."""
    network.train()
    trained = processes.alike(network)
    for step, groups in enumerate(batches, start=begun):
        pace = rate(step, steps=plan.steps, warm_up=plan.warm_up, peak=plan.peak, last=plan.last)
        for each in optimizer.param_groups:
            each["lr"] = pace
        tokens = [group.to(device) for group in groups]
        with seeding.drawn_from(plan.seed, step, device):
            loss = loose_loss(network.patches(tokens), trained(tokens), easy_share(step, plan.easy_until))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), training.MAX_NORM)
        optimizer.step()
        yield processes.mean(loss), pace
