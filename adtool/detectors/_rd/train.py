"""Training of reverse distillation on cached features of normal images; it goes on after a kill."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from adtool.core import progress
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._rd import loss
from adtool.detectors._rd.loss import Projected
from adtool.detectors._rd.network import STAGES, Reverse
from adtool.detectors._rd.scale import StageScale
from adtool.nn import seeding
from adtool.nn.training_checkpoint import TrainingJournal

BETAS = (0.5, 0.999)  # of Adam (the authors' code)
ROW_EVERY = 20  # steps
COLUMNS = ("step", "loss", "distillation", "projection", "seconds")


@dataclass(frozen=True)
class RdSchedule:
    """How long and how fast.

    Attributes:
        steps: of the optimizer.
        batch: images a step.
        learn_rate: of the embedding and the decoder.
        projection_rate: of the projections.
        falls: whether rates fall along a cosine, or stay.
        by_place: see `loss.distillation`.
        projection_weight: of the projections' loss beside the distillation.
        seed: of the order of images.
    """

    steps: int
    batch: int
    learn_rate: float
    projection_rate: float
    falls: bool
    by_place: bool
    projection_weight: float
    seed: int

    def pace(self, step: int) -> float:
        """What rates are multiplied by at a step."""
        return (1 + math.cos(math.pi * step / self.steps)) / 2 if self.falls else 1.0


@dataclass(frozen=True)
class CachedStages:
    """What is learned from.

    Attributes:
        cache: stages of each image, and behind them, where projections learn, those of the image with noise.
        scale: of the stages.
    """

    cache: FeatureCache
    scale: StageScale


def train(lesson: CachedStages, network: Reverse, plan: RdSchedule, folder: Path, device: torch.device) -> None:
    """Train the network in place; the last step stays. `folder` is that of the checkpoint and of curves.csv."""
    parts = [one for name, one in network.named_parameters() if not name.startswith("project.")]
    groups = [{"params": parts, "lr": plan.learn_rate, "usual": plan.learn_rate}]
    if network.project is not None:
        own = {"params": list(network.project.parameters()), "lr": plan.projection_rate}
        groups.append({**own, "usual": plan.projection_rate})
    optimizer = torch.optim.Adam(groups, betas=BETAS)
    journal = TrainingJournal(folder, {"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, device)
    begun = journal.begun
    order = seeding.order(len(lesson.cache), plan.steps * plan.batch, plan.seed, start=begun * plan.batch)
    network.train()
    sums, counted = torch.zeros(2), 0
    with progress.bar("training steps", plan.steps) as bar:
        bar.advance(begun)
        for step, seen in enumerate(lesson.cache.batches(order, plan.batch), start=begun):
            for each in optimizer.param_groups:
                each["lr"] = each["usual"] * plan.pace(step)
            truth = lesson.scale.apply([one.to(device) for one in seen[:STAGES]])
            noised = lesson.scale.apply([one.to(device) for one in seen[STAGES:]]) if len(seen) > STAGES else []
            with seeding.drawn_from(plan.seed, step, device):
                distilled, projected = _losses(network, truth, noised, by_place=plan.by_place)
            optimizer.zero_grad()
            torch.autograd.backward(distilled + plan.projection_weight * projected)
            optimizer.step()
            bar.advance(1)
            sums, counted = sums + torch.stack([distilled.detach(), projected.detach()]).cpu(), counted + 1
            if (step + 1) % ROW_EVERY == 0 or step + 1 == plan.steps:
                first, second = (sums / counted).tolist()
                journal.row(step + 1, first + plan.projection_weight * second, first, second)
                sums, counted = torch.zeros(2), 0
    journal.close()
    network.eval().requires_grad_(requires_grad=False)


def _losses(
    network: Reverse, truth: Sequence[Tensor], noised: Sequence[Tensor], *, by_place: bool
) -> tuple[Tensor, Tensor]:
    """Of the distillation, and of the projections (0 where there are none)."""
    normal = network.projected(truth)
    distilled = loss.distillation(truth, network(normal), by_place=by_place)
    if not noised:
        return distilled, torch.zeros_like(distilled)
    other = torch.randperm(len(truth[0])).to(truth[0].device)
    stages = zip(noised, normal, network.projected(noised), strict=True)
    return distilled, loss.projection([Projected(*one) for one in stages], other)
