"""The loose loss of Dinomaly: whole images are compared, and what is reconstructed well learns little more."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn import processes, tracing

EASY_FACTOR = 0.1  # of the gradient where it is easy (the authors' code)
EASY_SHARE = 0.9


def easy_share(step: int, until: int) -> float:
    """The share of places that count as easy at a step: rises to `EASY_SHARE` within `until` steps."""
    return EASY_SHARE * min(1.0, step / until) if until else EASY_SHARE


def distances(truth: Tensor, made: Tensor) -> Tensor:
    """1 - cosine of the features at each place; (B, P, C) twice -> (B, P)."""
    if tracing.is_followed():  # no runtime of graphs knows it as one operator
        return 1 - (F.normalize(truth, dim=-1) * F.normalize(made, dim=-1)).sum(dim=-1)
    return 1 - F.cosine_similarity(truth, made, dim=-1)


def hold_easy(truth: Tensor, made: Tensor, share: float) -> Tensor:
    """`made`, but where it is near the truth it passes a tenth of the gradient.

    Args:
        truth: (B, P, C).
        made: (B, P, C).
        share: of the batch's places that are easy: the nearest ones.
    """
    with torch.no_grad():
        apart = distances(truth, made)
        everywhere = processes.gathered(apart.flatten())
        hard = max(1, int(everywhere.numel() * (1 - share)))
        easy = (apart < everywhere.topk(hard).values[-1]).unsqueeze(-1)
    return torch.where(easy, EASY_FACTOR * made + (1 - EASY_FACTOR) * made.detach(), made)


def loose_loss(truth: Sequence[Tensor], made: Sequence[Tensor], share: float) -> Tensor:
    """1 - cosine of each image's features as one long vector, averaged over images and groups.

    Args:
        truth: (B, P, C) features of each group; they get no gradient.
        made: their reconstructions.
        share: of `hold_easy`.
    """
    parts = []
    for a, b in zip(truth, made, strict=True):
        held = hold_easy(a.detach(), b, share)
        parts.append(1 - F.cosine_similarity(a.detach().flatten(1), held.flatten(1), dim=1).mean())
    return torch.stack(parts).mean()
