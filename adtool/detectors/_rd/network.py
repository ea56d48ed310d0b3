"""The part of reverse distillation that learns: three stages fused into a narrow embedding, and a mirrored decoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.detectors._rd.projection import Projection

STAGES = 3
UP = -2  # stride of what doubles the grid


@dataclass(frozen=True)
class RdSizes:
    """Of the network; stages are those of the teacher, shallow to deep.

    Attributes:
        channels_1, channels_2, channels_3: of the stages.
        blocks_1, blocks_2, blocks_3: residual blocks that rebuild each.
        embedding_blocks: residual blocks of the embedding.
        narrow: inner channels of the embedding's blocks, as a share of the channels that they give.
        wide: the same, of the decoder's blocks.
        linear: whether what is rebuilt may be negative (1), or passes a ReLU as a ResNet's stages do (0).
        projects: whether stages pass a projection first, as in RD++ (1), or not (0).
    """

    channels_1: int
    channels_2: int
    channels_3: int
    blocks_1: int
    blocks_2: int
    blocks_3: int
    embedding_blocks: int
    narrow: float
    wide: float
    linear: int
    projects: int

    @property
    def channels(self) -> tuple[int, int, int]:
        """Of the stages."""
        return self.channels_1, self.channels_2, self.channels_3

    @property
    def blocks(self) -> tuple[int, int, int]:
        """That rebuild each stage."""
        return self.blocks_1, self.blocks_2, self.blocks_3


def _halving(inward: int, outward: int) -> nn.Sequential:
    """3 x 3 convolution of stride 2; (B, C, h, w) -> (B, D, h / 2, w / 2)."""
    return nn.Sequential(
        nn.Conv2d(inward, outward, 3, 2, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True)
    )


def _changing(inward: int, outward: int, size: int, stride: int) -> nn.Sequential:
    """A convolution with its norm; `stride` 2 halves the grid, `UP` doubles it."""
    if stride == UP:
        layer: nn.Module = nn.ConvTranspose2d(inward, outward, 2, 2, bias=False)
    else:
        layer = nn.Conv2d(inward, outward, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outward))


class Residual(nn.Module):
    """A residual block whose middle is narrower (He et al., 2016), without the ReLU at its end."""

    def __init__(self, inward: int, inner: int, outward: int, stride: int = 1) -> None:
        super().__init__()
        self.reduce = _changing(inward, inner, 1, 1)
        self.mix = _changing(inner, inner, 3, stride)
        self.expand = _changing(inner, outward, 1, 1)
        changes = stride != 1 or inward != outward
        self.shortcut = _changing(inward, outward, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, D, h', w')."""
        inner = F.relu(self.mix(F.relu(self.reduce(x))))
        return self.expand(inner) + self.shortcut(x)


class Stage(nn.Module):
    """Residual blocks, of which the first changes the grid; what comes out has not passed the last ReLU."""

    def __init__(self, inward: int, outward: int, share: float, blocks: int, stride: int) -> None:
        super().__init__()
        inner = max(1, round(outward * share))
        rest = [Residual(outward, inner, outward) for _ in range(blocks - 1)]
        self.blocks = nn.ModuleList([Residual(inward, inner, outward, stride), *rest])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, D, h', w')."""
        out = self.blocks[0](x)
        for block in self.blocks[1:]:
            out = block(F.relu(out))
        return out


class Reverse(nn.Module):
    """Stages of a frozen network, rebuilt from an embedding that has no room for what is not normal.

    Its first weights are drawn from torch's global state: make it within `seeding.drawn_from`.
    """

    def __init__(self, sizes: RdSizes) -> None:
        super().__init__()
        self.sizes = sizes
        first, second, third = sizes.channels
        self.project = nn.ModuleList(Projection(one) for one in sizes.channels) if sizes.projects else None
        self.fuse_first = nn.Sequential(_halving(first, second), _halving(second, third))
        self.fuse_second = _halving(second, third)
        self.embed = Stage(STAGES * third, 2 * third, sizes.narrow, sizes.embedding_blocks, 2)
        inward = (second, third, 2 * third)
        stages = zip(inward, sizes.channels, sizes.blocks, strict=True)
        self.decode = nn.ModuleList(Stage(a, b, sizes.wide, blocks, UP) for a, b, blocks in stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def projected(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """The stages as the embedding takes them."""
        if self.project is None:
            return list(stages)
        return [project(one) for project, one in zip(self.project, stages, strict=True)]

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Rebuild.

        Args:
            stages: (B, C, h, w) each, shallow to deep, as `projected` gives them; each grid is half of the one before.

        Returns:
            the same shapes.
        """
        first, second, third = stages
        fused = [self.fuse_first(first), self.fuse_second(second), third]
        shape = third.shape[-2:]
        fused = [one[..., : shape[0], : shape[1]] for one in fused]  # of odd grids one more came out
        out = self.embed(torch.cat(fused, dim=1))
        found: list[Tensor] = []
        for stage, like in zip(reversed(self.decode), reversed(stages), strict=True):
            out = stage(F.relu(out))[..., : like.shape[-2], : like.shape[-1]]
            found.append(out if self.sizes.linear else F.relu(out))
        return found[::-1]
