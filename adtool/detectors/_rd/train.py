"""Training of reverse distillation on cached features of normal images; it goes on after a kill."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from adtool.detection import training
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.training import Course
from adtool.detectors._rd import loss
from adtool.detectors._rd.loss import Projected
from adtool.detectors._rd.network import STAGES, Reverse
from adtool.detectors._rd.scale import StageScale
from adtool.nn import seeding

BETAS = (0.5, 0.999)  # of Adam (the authors' code)
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

    def learn(step: int, batch: list[Tensor]) -> Tensor:
        truth = lesson.scale.apply([one.to(device) for one in batch[:STAGES]])
        noised = lesson.scale.apply([one.to(device) for one in batch[STAGES:]]) if len(batch) > STAGES else []
        with seeding.drawn_from(plan.seed, step, device):
            distilled, projected = _losses(network, truth, noised, by_place=plan.by_place)
        training.descend(distilled + plan.projection_weight * projected, optimizer, plan.pace(step))
        return torch.stack([distilled.detach(), projected.detach()])

    def row(_: int, means: Sequence[float]) -> Sequence[float]:
        return (means[0] + plan.projection_weight * means[1], *means)

    seen = training.batches(lesson.cache, plan.steps, plan.batch, plan.seed)
    network.train()
    course = Course({"network": network, "optimizer": optimizer}, COLUMNS, plan.steps, seen, learn, row)
    training.train(course, folder, device)
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
