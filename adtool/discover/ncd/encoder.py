"""Mask-guided features: the class token of a vision transformer sees nothing but the defect.

Source: AnomalyNCD's public code (`MaskedGuidedVisionTransformer`): in the last blocks the attention logits of the
class token are set to -1e9 for tokens outside the mask. Its ablation (arXiv 2410.14379) finds nine gated blocks best.

The blocks below the last are frozen. Since only the class token's row of the last block is used, that block needs the
class token and the tokens inside the mask and no others: `Trunk` gives all tokens, `LastBlock` takes the few that are
kept, and both together equal the gated transformer (`tests/discover/test_encoder.py`).

A convolutional network has no class token: `pool_inside` averages its features inside the mask, and `LastStage` is
what is trained on them.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.core.errors import UsageError
from adtool.nn.networks import TransformerNetwork

if TYPE_CHECKING:  # see `nn.networks`
    from timm.models.vision_transformer import VisionTransformer

GATE = 0.5  # share of a token that must lie inside the mask
GATED_BLOCKS = 9
CLOSED = -1e9


def gate(mask: Tensor, h: int, w: int) -> Tensor:
    """Share of each token inside the mask; (B, 1, H, W) in [0, 1] -> (B, h * w), raster order."""
    return F.adaptive_avg_pool2d(mask, (h, w)).flatten(1)


class Trunk(nn.Module):
    """All blocks of a transformer but the last, the class token gated; the form `nn.graphs` converts.

    Args:
        model: a plain timm transformer with a class token.
        gated: how many of its last blocks are gated, the last included.
    """

    def __init__(self, model: "VisionTransformer", gated: int = GATED_BLOCKS) -> None:
        super().__init__()
        if model.cls_token is None:
            raise UsageError("This backbone has no class token, so a mask can't guide it. Choose a DINO or DINOv2.")
        depth = len(model.blocks)
        self.plain = TransformerNetwork(model, [depth - 2], norm=False)
        self.first_gated = max(depth - gated, 0)
        self.prefix, self.multiple, self.layers = self.plain.prefix, self.plain.multiple, self.plain.layers
        self.family, self.replicates = self.plain.family, self.plain.replicates
        self.norm = f"gated from block {self.first_gated}"  # part of the name of a stored graph

    @property
    def model(self) -> "VisionTransformer":
        """The whole transformer."""
        return self.plain.model

    def forward(self, images: Tensor, position: Tensor, inside: Tensor) -> tuple[Tensor, ...]:
        """Tokens before the last block.

        Args:
            images: (B, 3, H, W), normalised.
            position: (1, prefix + P, D), from `inputs`.
            inside: (B, P) from `gate`.

        Returns:
            one tensor (B, prefix + P, D).
        """
        tokens = self.plain.embed(images, position)
        bias = gate_bias(inside, self.prefix)
        for i, block in enumerate(self.model.blocks[:-1]):
            tokens = gated_block(block, tokens, bias) if i >= self.first_gated else block(tokens)
        return (tokens,)

    def inputs(self, images: Tensor, inside: Tensor | None = None) -> tuple[Tensor, ...]:
        """The arguments of `forward`; without a gate every other token is inside, which is for checks of a graph."""
        images, position = self.plain.inputs(images)
        if inside is None:
            every = (torch.arange(position.shape[1] - self.prefix) % 2).to(images.dtype)
            inside = every.expand(len(images), -1).contiguous()
        return images, position, inside


class LastBlock(nn.Module):
    """The trained last block and the frozen final norm, for the class token alone."""

    def __init__(self, model: "VisionTransformer") -> None:
        super().__init__()
        self.block: Any = copy.deepcopy(model.blocks[-1]).requires_grad_(requires_grad=True)
        self.norm = copy.deepcopy(model.norm).requires_grad_(requires_grad=False)
        self.dimension = int(model.embed_dim)

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """The class token after the final norm.

        Args:
            tokens: (B, M, D): the class token, registers, and the tokens inside the mask, padded.
            kept: (B, M) bool, False for padding.

        Returns:
            (B, D)
        """
        block = self.block
        bias = torch.where(kept, 0.0, CLOSED).to(tokens.dtype)
        mixed = attend_first(block.attn, block.norm1(tokens), bias)
        first = tokens[:, :1] + block.ls1(mixed)
        first = first + block.ls2(block.mlp(block.norm2(first)))
        out: Tensor = self.norm(first)[:, 0]
        return out


class LastStage(nn.Module):
    """What is trained on the pooled features of a convolutional network: at first it changes nothing.

    A crop without a defect has no features and no direction, so it gets one of its own, which is learned as well.
    """

    def __init__(self, dimension: int, generator: torch.Generator) -> None:
        super().__init__()
        self.dimension = dimension
        self.norm = nn.LayerNorm(dimension, elementwise_affine=False)
        self.widen, self.narrow = nn.Linear(dimension, 2 * dimension), nn.Linear(2 * dimension, dimension)
        nn.init.trunc_normal_(self.widen.weight, std=dimension**-0.5, generator=generator)
        self.nothing = nn.Parameter(torch.randn(dimension, generator=generator))
        for parameter in (self.widen.bias, self.narrow.weight, self.narrow.bias):
            nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """(B, 1, D) pooled features -> (B, D); `kept` is not looked at."""
        pooled = tokens[:, 0]
        features = torch.where(pooled.any(dim=1, keepdim=True), self.norm(pooled), self.nothing)
        out: Tensor = features + self.narrow(F.gelu(self.widen(features)))
        return out


def gate_bias(inside: Tensor, prefix: int) -> Tensor:
    """Logits added to the class token's attention, 0 where it may look; (B, P) -> (B, prefix + P)."""
    closed = torch.where(inside < GATE, CLOSED, 0.0).to(inside.dtype)
    return F.pad(closed, (prefix, 0))


def gated_block(block: Any, tokens: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401, a timm block
    """One transformer block; `bias` (B, N) is added to the class token's attention logits alone; (B, N, D) -> same."""
    tokens = tokens + block.ls1(attend(block.attn, block.norm1(tokens), bias))
    out: Tensor = tokens + block.ls2(block.mlp(block.norm2(tokens)))
    return out


def attend(attention: Any, tokens: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401, timm's
    """Self-attention with a bias for the class token; (B, N, D) -> (B, N, D)."""
    size, count, width = tokens.shape
    heads = attention.num_heads
    qkv = attention.qkv(tokens).reshape(size, count, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)  # (B, heads, N, D / heads)
    q, k = attention.q_norm(q), attention.k_norm(k)
    first = F.scaled_dot_product_attention(q[:, :, :1], k, v, attn_mask=bias[:, None, None, :])
    others = F.scaled_dot_product_attention(q[:, :, 1:], k, v)
    mixed = torch.cat([first, others], dim=2).transpose(1, 2).flatten(2)
    out: Tensor = attention.proj(attention.norm(mixed))
    return out


def attend_first(attention: Any, tokens: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401, timm's
    """The class token's row of `attend`, without keys or values of the others; (B, N, D) -> (B, 1, D).

    A logit q . (K x) is (q K) . x, and a mean of values V x is V times the mean of x, so that the matrices are applied
    to one row per image instead of N: training is a tenth of the work. The bias of K adds the same to all logits.
    """
    width, heads = tokens.shape[-1], attention.num_heads
    if not isinstance(attention.k_norm, nn.Identity):  # then the keys are needed themselves
        return attend(attention, tokens, bias)[:, :1]
    query, key, value = attention.qkv.weight.view(3, heads, width // heads, width)
    offsets = attention.qkv.bias
    q, _, v = offsets.view(3, heads, -1) if offsets is not None else tokens.new_zeros(3, 1, 1)
    asked = torch.einsum("bd,hed->bhe", tokens[:, 0], query) + q  # (B, heads, D / heads)
    asked = torch.einsum("bhe,hed->bhd", asked, key) * (width // heads) ** -0.5  # (B, heads, D)
    weights = (asked @ tokens.transpose(1, 2) + bias.unsqueeze(1)).softmax(dim=-1)  # (B, heads, N)
    mixed = torch.einsum("bhd,hed->bhe", weights @ tokens, value) + v
    out: Tensor = attention.proj(attention.norm(mixed.flatten(1).unsqueeze(1)))
    return out


def keep_inside(tokens: Tensor, inside: Tensor, prefix: int) -> list[Tensor]:
    """The tokens that the class token of the last block looks at; (B, prefix + P, D), (B, P) -> B of (M, D)."""
    kept = F.pad(inside >= GATE, (prefix, 0), value=True)
    return [row[where] for row, where in zip(tokens, kept, strict=True)]


def pool_inside(layers: Sequence[Tensor], mask: Tensor) -> list[Tensor]:
    """Mean features inside a mask less the mean of all; B masks (B, 1, H, W), maps (B, C, h, w) -> B of (1, D).

    Of an empty mask, which has no inside, the difference is 0.
    """
    parts = []
    for layer in layers:
        weight = F.adaptive_avg_pool2d(mask, (layer.shape[-2], layer.shape[-1])).to(layer.device)  # (B, 1, h, w)
        total = weight.sum(dim=(2, 3))
        mean = (layer * weight).sum(dim=(2, 3)) / total.clamp_min(1e-6)
        parts.append(torch.where(total > 0, mean - layer.mean(dim=(2, 3)), 0.0))
    return list(torch.cat(parts, dim=1).unsqueeze(1))
