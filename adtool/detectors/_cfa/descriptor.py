"""Patch features, and the descriptor that adapts them: one 1 x 1 convolution that knows where it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.nn.averaging import averaged

COORDINATES = 2  # row and column


@dataclass(frozen=True)
class Patches:
    """How patches are made of features.

    Attributes:
        side: of the average pooling, in patches; places outside the image count as zero.
        deeper: whether all layers are pooled, or the first alone.
        coarse: whether all layers are put on the grid of the deepest, not on that of the first.
    """

    side: int = 3
    deeper: bool = True
    coarse: bool = False

    def of(self, layers: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_l, h_l, w_l) features, shallow to deep, with their surroundings in them."""
        size, around = self.side, self.side // 2
        found = [F.avg_pool2d(x, size, 1, around) if self.deeper or not i else x for i, x in enumerate(layers)]
        height, width = found[-1].shape[-2:]
        return [averaged(x, (height, width)) for x in found] if self.coarse else found


def joined(layers: Sequence[Tensor]) -> Tensor:
    """Layers on the grid of the first: (B, sum of C_l, h, w)."""
    shape = layers[0].shape[-2:]
    same = [x if x.shape[-2:] == shape else F.interpolate(x, shape, mode="bilinear") for x in layers]
    return torch.cat(same, dim=1)


def coordinates(height: int, width: int) -> Tensor:
    """Row and column of each place of a grid, from -1 to 1: (h * w, 2)."""
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)


class Descriptor(nn.Module):
    """A linear map of patch features and their coordinates (a 1 x 1 CoordConv).

    Args:
        channels: of the patch features.
        compression: gamma_d, how many times fewer channels come out.
        generator: draws the weights.
        start: `random`, as torch draws those of a convolution; `identity` keeps the features as they are, or turns them
            to fewer channels without stretching them, whatever their place.
    """

    def __init__(
        self, channels: int, compression: int = 1, *, generator: torch.Generator | None = None, start: str = "random"
    ) -> None:
        super().__init__()
        bound = (channels + COORDINATES) ** -0.5
        out = max(1, channels // compression)
        # Inputs in the order of the authors' code: layers from shallow to deep, row, column.
        self.weight = nn.Parameter(torch.empty(out, channels + COORDINATES))
        self.bias = nn.Parameter(torch.empty(out))
        if start == "random":
            for parameter in (self.weight, self.bias):
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        else:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)
            fill = nn.init.eye_ if out == channels else partial(nn.init.orthogonal_, generator=generator)
            fill(self.weight[:, :channels])
        self.register_buffer("scale", torch.ones(()))  # of features and coordinates; not trained
        self.scale: Tensor

    def forward(self, patches: Tensor) -> Tensor:
        """(B, C, h, w) patch features -> (B * h * w, D) adapted features, row by row, image by image."""
        channels = self.weight.shape[1] - COORDINATES
        where = coordinates(*patches.shape[-2:]).to(patches)  # (P, 2)
        # Same as the convolution of features and coordinates together, but they are never put side by side.
        weight = self.scale * self.weight
        place = F.linear(where, weight[:, channels:], self.bias)  # (P, D)
        rows = patches.flatten(2).transpose(1, 2)  # (B, P, C)
        return (rows @ weight[:, :channels].T + place).flatten(0, 1)
