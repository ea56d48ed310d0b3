"""The two losses of CFA: patches are pulled into the spheres of their nearest prototypes, and out of the next ones."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.nn import knn


@dataclass(frozen=True)
class Pull:
    """How strongly, and from where to where.

    Attributes:
        attracted: K, the nearest prototypes that attract.
        repelled: J, the next ones that repel.
        margin: alpha: repulsion ends so far (in squared distance) inside the sphere.
        scale: 1 / nu.
        slices_by_negatives: begin the repelling ones at J, not at K, as the authors' code does.
    """

    attracted: int = 3
    repelled: int = 3
    margin: float = 0.1
    scale: float = 1000.0
    slices_by_negatives: bool = False


class _Closest(torch.autograd.Function):
    """Squared distances to the nearest prototypes; the full matrix of distances is neither kept nor differentiated.

    The derivative of |x - c|^2 is 2 (x - c), and with weights g_k a row's is 2 (x sum g_k - sum g_k c_k).
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, bank: knn.Bank, count: int) -> Tensor:  # noqa: ANN401, torch's own type
        distances, index = bank.closest(vectors, count)
        ctx.save_for_backward(vectors, index)
        ctx.bank = bank
        return distances

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (gradient,) = gradients
        vectors, index = ctx.saved_tensors
        towards = F.embedding_bag(index, ctx.bank.vectors, per_sample_weights=gradient, mode="sum")  # (N, D)
        return 2 * (vectors * gradient.sum(dim=1, keepdim=True) - towards), None, None


def closest(vectors: Tensor, bank: knn.Bank, count: int) -> Tensor:
    """Squared distances to the `count` nearest prototypes, ascending, differentiable; (N, D) -> (N, count)."""
    return _Closest.apply(vectors, bank, count)


def losses(vectors: Tensor, bank: knn.Bank, radius: Tensor, pull: Pull) -> tuple[Tensor, Tensor]:
    """Attraction and repulsion (soft-boundary losses of CFA, eq. 3 and 4), averaged over patches and prototypes.

    Args:
        vectors: (N, D) adapted features of any number of images.
        bank: the prototypes.
        radius: scalar; it learns from both.
        pull: the constants.
    """
    distances = closest(vectors, bank, pull.attracted + pull.repelled)  # (N, K + J), fewer if the bank is smaller
    square = radius.square()
    attraction = pull.scale * F.relu(distances[:, : pull.attracted] - square).mean()
    first = pull.repelled if pull.slices_by_negatives else pull.attracted
    negatives = distances[:, first:]
    if not negatives.numel():
        return attraction, attraction.new_zeros(())
    return attraction, pull.scale * F.relu(square - negatives - pull.margin).mean()


def soft_minimum(squared: Tensor) -> Tensor:
    """Scores of patches from the squared distances to their nearest prototypes; (N, K) ascending -> (N,).

    d_1 times its share of softmin(d_1 .. d_K): the distance itself where one prototype is by far the nearest, down to
    1 / K of it where K are as near.
    """
    distances = squared.clamp_min(0).sqrt()
    return distances[:, 0] * torch.softmax(-distances, dim=1)[:, 0]
