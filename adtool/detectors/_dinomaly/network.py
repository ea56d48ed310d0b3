"""The part of Dinomaly that learns: a noisy bottleneck, and a decoder whose attention can't look at single tokens."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.nn import processes

HEAD_CHANNELS = 64  # of a ViT-S, -B and -L alike
MLP_RATIO = 4
NORM_EPS = 1e-8
STD, BOUND = 0.01, 0.03  # of the first weights: a normal distribution, cut off


@dataclass(frozen=True)
class ReconstructorSizes:
    """Of the network.

    Attributes:
        channels: of a token.
        blocks: of the decoder, a multiple of `groups`.
        groups: of layers; the encoder's features come in as many.
        prefix: tokens that are no patches (the class token and registers), which come first.
        noise: dropout in the bottleneck.
    """

    channels: int
    blocks: int
    groups: int
    prefix: int
    noise: float


def linear_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention without softmax: weights phi(q) . phi(k), normalised over the keys, with phi(x) = elu(x) + 1.

    Linear in the number of tokens, since keys and values are summed up before any query is seen. It spreads
    attention over the whole image; the paper (Dinomaly, section 3.3) wants it unable to copy a token from its place.

    Args:
        queries: (..., T, d).
        keys: (..., S, d).
        values: (..., S, e).

    Returns:
        (..., T, e).
    """
    q, k = F.elu(queries) + 1, F.elu(keys) + 1
    mixed = q @ (k.transpose(-1, -2) @ values)
    return mixed / (q @ k.sum(dim=-2).unsqueeze(-1))


class Attention(nn.Module):
    """Multi-head linear self-attention; (B, T, C) -> (B, T, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // HEAD_CHANNELS)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens."""
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, T, d) each
        return self.proj(linear_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with a GELU between, and dropout before, between and after; (..., C) -> (..., C)."""

    def __init__(self, channels: int, noise: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)
        self.noise = noise

    def forward(self, tokens: Tensor) -> Tensor:
        """Change each token for itself."""
        hidden = F.gelu(self.fc1(self._drop(tokens)))
        return self._drop(self.fc2(self._drop(hidden)))

    def _drop(self, values: Tensor) -> Tensor:
        return processes.dropout(values, self.noise) if self.noise and self.training else values


class Block(nn.Module):
    """A block of a transformer, norms first; (B, T, C) -> (B, T, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.attention = Attention(channels)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mlp = Mlp(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """One block."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Reconstructor(nn.Module):
    """Groups of the encoder's features out of their mean, through a bottleneck that noise makes forgetful.

    Its first weights are drawn from torch's global state: make it within `seeding.drawn_from`.
    """

    def __init__(self, sizes: ReconstructorSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.bottleneck = Mlp(sizes.channels, sizes.noise)
        self.blocks = nn.ModuleList(Block(sizes.channels) for _ in range(sizes.blocks))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=STD, a=-BOUND, b=BOUND)
                nn.init.zeros_(module.bias)

    def forward(self, groups: Sequence[Tensor]) -> list[Tensor]:
        """Reconstruct.

        Args:
            groups: (B, T, C) tokens of each group of encoder layers, shallow to deep, the class token and registers
                among them.

        Returns:
            (B, P, C) reconstructions of the patches of each; compare them with `patches`.
        """
        tokens = self.bottleneck(torch.stack(list(groups)).mean(dim=0))
        found = []
        for block in self.blocks:
            tokens = block(tokens)
            found.append(tokens)
        # The last blocks answer for the shallowest layers.
        return self.patches(grouped(found[::-1], self.sizes.groups))

    def patches(self, groups: Sequence[Tensor]) -> list[Tensor]:
        """Tokens without the class token and registers."""
        return [group[:, self.sizes.prefix :] for group in groups]


def grouped(layers: Sequence[Tensor], groups: int) -> list[Tensor]:
    """Means of `groups` runs of layers, as even as can be; each run has at least one."""
    bounds = [round(number * len(layers) / groups) for number in range(groups + 1)]
    return [torch.stack(list(layers[a:b])).mean(dim=0) for a, b in itertools.pairwise(bounds)]


def encoder_blocks(depth: int) -> tuple[int, ...]:
    """The encoder's blocks whose features count, from 0: eight of the middle.

    2 to 9 of 12, and every second from 4 to 18 of 24, as in the authors' code; other depths in proportion.
    """
    return tuple(dict.fromkeys((number + 2) * depth // 12 for number in range(8)))
