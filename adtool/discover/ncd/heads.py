"""What is learned on top of the features: parallel classifiers, and a projection for the contrastive losses.

Source: AnomalyNCD's public code (`MultiHead`).
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN, PROJECTED = 2048, 256
INIT_STD = 0.02


class Heads(nn.Module):
    """Parallel cosine classifiers: the same samples, each with its own classes.

    The reference trains a weight-normalised linear layer whose gain is fixed at 1, which is a cosine.
    """

    def __init__(self, dimension: int, classes: int, count: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = dimension**-0.5  # that of torch's linear layer
        start = torch.rand(count, classes, dimension, generator=generator)
        self.weight = nn.Parameter((2 * start - 1) * bound)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> cosine logits (heads, B, K)."""
        return torch.einsum("bd,hkd->hbk", F.normalize(features, dim=1), F.normalize(self.weight, dim=2))


class ProjectionHead(nn.Module):
    """A perceptron with two hidden layers, for the contrastive losses alone."""

    def __init__(
        self, dimension: int, generator: torch.Generator, *, hidden: int = HIDDEN, projected: int = PROJECTED
    ) -> None:
        super().__init__()
        sizes = (dimension, hidden, hidden, projected)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            linear = nn.Linear(before, after)
            nn.init.trunc_normal_(linear.weight, std=INIT_STD, generator=generator)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.GELU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, projected)."""
        out: Tensor = self.mlp(features)
        return out
