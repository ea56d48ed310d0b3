"""Training of the descriptor and the radius: epochs of pull and push; it goes on after a kill."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from adtool.core import files, progress
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._cfa.descriptor import Descriptor, joined
from adtool.detectors._cfa.loss import Pull, losses
from adtool.nn import knn
from adtool.nn import training_checkpoint as checkpoint

COLUMNS = ("epoch", "loss", "attraction", "repulsion", "radius")
JUDGED = "pixel_auroc"  # one more, where epochs are judged

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class CfaSchedule:
    """How long and how fast.

    Attributes:
        epochs: times through all images.
        batch: images a step.
        learn_rate, weight_decay: of AdamW with amsgrad.
        learns_radius: whether it is trained.
        seed: of the order of images.
    """

    epochs: int
    batch: int
    learn_rate: float
    weight_decay: float
    learns_radius: bool
    seed: int


class AdaptedDescriptor(nn.Module):
    """What is stored: the descriptor, its prototypes (M, D) and the radius of their spheres."""

    def __init__(self, descriptor: Descriptor, bank: Tensor, radius: float) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.radius = nn.Parameter(torch.tensor(radius, device=bank.device))
        self.register_buffer("bank", bank)
        self.bank: Tensor


class EpochJudge(checkpoint.TrainedPart, Protocol):
    """What chooses the epoch that is kept, see `stopping`."""

    @property
    def is_over(self) -> bool:
        """Whether training stops."""

    def judge(self, epoch: int) -> float:
        """How good the epoch that is done is."""

    def restore(self) -> None:
        """Bring back the best epoch."""


def train(
    cache: FeatureCache,
    learned: AdaptedDescriptor,
    pull: Pull,
    plan: CfaSchedule,
    folder: Path,
    judge: EpochJudge | None = None,
) -> None:
    """Train the descriptor and the radius in place; the last epoch stays, or that which the judge keeps.

    After each epoch `folder` holds what is needed to go on, and the curves.
    """
    device = learned.bank.device
    learned.radius.requires_grad_(plan.learns_radius)
    trained = [one for one in learned.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, plan.learn_rate, weight_decay=plan.weight_decay, amsgrad=True)
    parts: dict[str, checkpoint.TrainedPart] = {"learned": learned, "optimizer": optimizer}
    parts |= {} if judge is None else {"judge": judge}
    begun, curves = checkpoint.read(folder, parts, device)
    bank = knn.Bank(learned.bank)
    if begun:
        log.info("Goes on after epoch %d of %d.", begun, plan.epochs)
    with progress.bar("epochs", plan.epochs) as bar:
        bar.advance(begun)
        for epoch in range(begun, plan.epochs):
            if judge and judge.is_over:
                break
            # A generator of its own for each epoch: going on after a kill takes the same order.
            generator = torch.Generator().manual_seed(plan.seed * 100_003 + epoch)
            order = torch.randperm(len(cache), generator=generator).tolist()
            sums, images = torch.zeros(2, dtype=torch.float64, device=device), 0
            for layers in cache.batches(order, plan.batch):
                patches = joined([layer.to(device) for layer in layers])
                attraction, repulsion = losses(learned.descriptor(patches), bank, learned.radius, pull)
                optimizer.zero_grad()
                torch.autograd.backward(attraction + repulsion)
                optimizer.step()
                sums += len(patches) * torch.stack([attraction.detach(), repulsion.detach()])
                images += len(patches)
            near, far = (sums / images).tolist()
            values = (epoch + 1, near + far, near, far, float(learned.radius.detach()))
            judged = {} if judge is None else {JUDGED: judge.judge(epoch + 1)}
            curves.append({**dict(zip(COLUMNS, values, strict=True)), **judged})
            files.write_csv(folder / checkpoint.CURVES, [*COLUMNS, *judged], curves)
            checkpoint.write(folder, parts, epoch + 1, curves)
            bar.advance(1)
    if judge:
        judge.restore()
    learned.requires_grad_(requires_grad=False)
