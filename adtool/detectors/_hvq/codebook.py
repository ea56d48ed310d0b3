"""Vector quantisation: each vector becomes its nearest code; codes follow what they stand for by moving averages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DECAY = 0.99  # of the moving averages (the authors' code)
EPS = 1e-5  # of the counts, so that a code without vectors does not divide by zero (van den Oord et al., 2017)


class Codebook(nn.Module):
    """Codes that stand for the vectors of one category on one level.

    The first vectors it is trained with become the first codes. (The authors' code begins with normal noise, so that
    codes far from all vectors are never used.)

    Args:
        codes: how many.
        channels: of a vector.
        decay: of the moving averages.
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, codes: int, channels: int, decay: float = DECAY) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("codes", torch.zeros(codes, channels))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, channels))

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise; in training the codes then move towards the vectors.

        Args:
            vectors: (N, D).

        Returns:
            (N, D) the nearest code of each, through which the gradient passes as if nothing had been changed, and
            the commitment: the mean squared distance to it, which draws vectors (not codes) nearer.
        """
        if self.training and not self.counts.any():
            self.begin(vectors.detach())
        index = self.nearest(vectors.detach())
        chosen = self.codes[index]
        if self.training:
            self.follow(vectors.detach(), index)
        return vectors + (chosen - vectors).detach(), F.mse_loss(vectors, chosen)

    def nearest(self, vectors: Tensor) -> Tensor:
        """(N, D) -> (N,) numbers of the nearest codes."""
        # |x|^2 is the same for all codes.
        return (self.codes.square().sum(dim=1) - 2 * vectors @ self.codes.T).argmin(dim=1)

    @torch.no_grad()
    def begin(self, vectors: Tensor) -> None:
        """Take random vectors as codes, each standing for one vector; drawn from torch's global state."""
        order = torch.randperm(len(vectors))
        chosen = order[torch.arange(len(self.codes)) % len(order)].to(vectors.device)
        self.codes.copy_(vectors[chosen])
        self.sums.copy_(self.codes)
        self.counts.fill_(1.0)

    @torch.no_grad()
    def follow(self, vectors: Tensor, index: Tensor) -> None:
        """Move the averages by one step; (N, D) vectors and (N,) the codes they went to."""
        counts = torch.bincount(index, minlength=len(self.codes)).to(vectors.dtype)
        sums = torch.zeros_like(self.sums).index_add_(0, index, vectors)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        total = self.counts.sum()
        smoothed = (self.counts + EPS) / (total + len(self.codes) * EPS) * total
        self.codes.copy_(self.sums / smoothed.unsqueeze(1))

    def transport(self, vectors: Tensor) -> Tensor:
        """What it costs to carry each vector to the codes it resembles; (N, D) -> (N,).

        The expected 1 - cosine over codes, each with the probability softmax(x . e / K), K the number of codes.
        """
        share = torch.softmax(vectors @ self.codes.T / len(self.codes), dim=1)  # (N, K)
        cosine = F.normalize(vectors, dim=1) @ F.normalize(self.codes, dim=1).T
        return ((1 - cosine) * share).sum(dim=1)


@dataclass(frozen=True)
class Quantised:
    """What a level becomes.

    Attributes:
        tokens: (B, P, D).
        commitment: scalar, averaged over images.
        transport: (B, P); zeros in training.
    """

    tokens: Tensor
    commitment: Tensor
    transport: Tensor


class Codebooks(nn.Module):
    """The codebooks of one level, one for each category."""

    def __init__(self, categories: int, codes: int, channels: int) -> None:
        super().__init__()
        self.books = nn.ModuleList(Codebook(codes, channels) for _ in range(categories))

    def forward(self, tokens: Tensor, labels: Sequence[int]) -> Quantised:
        """Quantise the tokens of each category together (the authors' code: those of each image).

        Args:
            tokens: (B, P, D).
            labels: the category of each image.
        """
        out, transport = torch.empty_like(tokens), tokens.new_zeros(tokens.shape[:2])
        commitment = tokens.new_zeros(())
        for label in sorted(set(labels)):
            rows = [number for number, one in enumerate(labels) if one == label]
            book, vectors = cast(Codebook, self.books[label]), tokens[rows].flatten(0, 1)
            quantised, term = book(vectors)
            out[rows] = quantised.view(len(rows), *tokens.shape[1:])
            commitment = commitment + term * len(rows) / len(labels)
            if not self.training:
                transport[rows] = book.transport(vectors).view(len(rows), -1)
        return Quantised(out, commitment, transport)
