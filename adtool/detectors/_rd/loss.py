"""Losses of reverse distillation, and those of the projections of RD++."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn import tracing

# Of the authors' code of RD++: weights within the projections' loss, by whose sum it is divided, and the margin.
TRANSPORT, RECONSTRUCTION, CONTRAST = 1.0, 0.01, 0.1
MARGIN = 0.5
BLUR = 0.05  # of the transport: its entropy weighs BLUR ** 2
ROUNDS = 20  # of Sinkhorn's iteration
MOST_PLACES = 256  # of a stage's grid that are transported; more are averaged


def distances(truth: Tensor, made: Tensor) -> Tensor:
    """1 - cosine of the features at each place; (B, C, h, w) twice -> (B, h, w)."""
    if tracing.is_followed():  # no runtime of graphs knows it by its name
        return 1 - (F.normalize(truth, dim=1) * F.normalize(made, dim=1)).sum(dim=1)
    return 1 - F.cosine_similarity(truth, made, dim=1)


def distillation(truth: Sequence[Tensor], made: Sequence[Tensor], *, by_place: bool) -> Tensor:
    """How far stages are from what they were rebuilt as, summed over stages.

    Args:
        truth: (B, C, h, w) of each stage; they get no gradient.
        made: their reconstructions.
        by_place: 1 - cosine at each place, averaged, as in the paper; else of each image's features as one long
            vector, as in the authors' code.
    """
    parts = []
    for a, b in zip(truth, made, strict=True):
        fixed = a.detach()
        apart = distances(fixed, b) if by_place else 1 - F.cosine_similarity(fixed.flatten(1), b.flatten(1), dim=1)
        parts.append(apart.mean())
    return torch.stack(parts).sum()


@dataclass(frozen=True)
class Projected:
    """One stage of a batch.

    Attributes:
        noised: (B, C, h, w) features of the pictures with noise, as the teacher sees them.
        normal: the projections of the pictures without.
        restored: the projections of those with noise.
    """

    noised: Tensor
    normal: Tensor
    restored: Tensor


def projection(stages: Sequence[Projected], order: Tensor) -> Tensor:
    """What projections learn: normal features close together, noise taken away, and far from features with noise.

    Args:
        stages: of a batch.
        order: (B,) the other image that each is compared with.
    """
    total = torch.zeros((), device=stages[0].normal.device)
    for one in stages:
        close = transport(_points(one.normal), _points(one.normal[order]))
        restored = (1 - _cosine(one.restored, one.normal)).mean()
        apart = F.relu(_cosine(one.noised.detach(), one.normal) - MARGIN).mean()
        total = total + TRANSPORT * close + RECONSTRUCTION * restored + CONTRAST * apart
    return total / (TRANSPORT + RECONSTRUCTION + CONTRAST)


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    return F.cosine_similarity(one.flatten(1), other.flatten(1), dim=1)


def _points(stage: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, P, C): each place's features as shares that sum to one."""
    height, width = stage.shape[-2:]
    while height * width > MOST_PLACES:
        height, width = -(-height // 2), -(-width // 2)
    return F.adaptive_avg_pool2d(stage, (height, width)).flatten(2).transpose(1, 2).softmax(dim=2)


def transport(one: Tensor, other: Tensor) -> Tensor:
    """Sinkhorn divergence between the places of two images, averaged over pairs; (B, P, C) twice -> scalar.

    What it costs to carry one set of points to the other, less what it costs to carry each to itself (the blur's
    doing), so that equal sets have none. The authors' code compares the images of a batch with the same images in
    another order, which as sets are the same; here it is each image's places with another's, as the paper means it.
    """
    return (_carried(one, other) - (_carried(one, one) + _carried(other, other)) / 2).mean()


def _carried(one: Tensor, other: Tensor) -> Tensor:
    """(B,) costs |x - y|^2 / 2 under the plan of the blurred transport; gradients pass through costs alone."""
    cost = torch.cdist(one, other).square() / 2  # (B, P, Q)
    with torch.no_grad():
        scaled = -cost / BLUR**2
        rows, columns = scaled.new_zeros(scaled.shape[:2]), scaled.new_zeros(scaled.shape[0], scaled.shape[2])
        log_p, log_q = -torch.tensor(float(scaled.shape[1])).log(), -torch.tensor(float(scaled.shape[2])).log()
        for _ in range(ROUNDS):
            rows = log_p - torch.logsumexp(scaled + columns.unsqueeze(1), dim=2)
            columns = log_q - torch.logsumexp(scaled + rows.unsqueeze(2), dim=1)
        plan = (scaled + rows.unsqueeze(2) + columns.unsqueeze(1)).exp()
    return (plan * cost).sum(dim=(1, 2))
