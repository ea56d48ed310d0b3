"""The filter network: a 3D U-Net over the cost volume, guided by features and by a coarse map.

Source: CostFilter-AD (ICML 2025), the released architecture. Channels are the kept matches, depth is the layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.refine.blocks import ChannelAttention, Fusion, GuideProjection, PlaneConv, Up, attention, double, unit

GUIDED = 4  # blocks of the encoder that are guided: the first, third, fourth and sixth
FACTORS = (1, 2, 2, 4, 6, 8)  # channels of the encoder's blocks, in widths


@dataclass(frozen=True)
class FilterShape:
    """What fixes the size of a network.

    Attributes:
        keep: matches kept per position, the channels of the volume.
        channels: of the features, per layer; as many as the volume is deep.
        classes: categories that the adaptor tells apart.
        width: channels of the first block; 48 in the paper.
        reduced: channels that the volume is first reduced to, in widths; the released variants with 1024 matches
            have 8, the others 4.
        by_features: whether features guide it.
        by_map: whether the initial map guides it.
    """

    keep: int
    channels: tuple[int, ...]
    classes: int
    width: int = 48
    reduced: int = 4
    by_features: bool = True
    by_map: bool = True

    @property
    def depth(self) -> int:
        """Number of layers, L."""
        return len(self.channels)

    @property
    def guide_layers(self) -> list[int]:
        """Which layer guides which block, shallow to deep: with four layers each one, with two each twice."""
        return [round(site * (self.depth - 1) / (GUIDED - 1)) for site in range(GUIDED)]


class Encoder(nn.Module):
    """Volume to six blocks, four of them guided.

    Args:
        shape: of the network.
    """

    def __init__(self, shape: FilterShape) -> None:
        super().__init__()
        w = shape.width
        sizes = [factor * w for factor in FACTORS]
        self.guide_layers = shape.guide_layers
        self.reduce = nn.Sequential(unit(shape.keep, shape.reduced * w, 1), unit(shape.reduced * w, 2 * w, 1))
        before = [2 * w, *sizes[:-1]]
        self.blocks = nn.ModuleList([double(a, b, b) for a, b in zip(before, sizes, strict=True)])
        guided = [sizes[0], sizes[2], sizes[3], sizes[5]]
        self.of_features = nn.ModuleList()
        self.of_map = nn.ModuleList()
        if shape.by_features:
            used = [shape.channels[layer] for layer in self.guide_layers]
            self.of_features.extend(GuideProjection(c, size) for c, size in zip(used, guided, strict=True))
        if shape.by_map:
            self.of_map.extend(GuideProjection(shape.depth, size) for size in guided)
        parts = 1 + int(shape.by_features) + int(shape.by_map)
        self.fusions = nn.ModuleList([Fusion(size, parts) for size in guided])

    def forward(self, volume: Tensor, features: Sequence[Tensor], initial: Tensor) -> list[Tensor]:
        """As `FilterNetwork.forward`; returns the six blocks' outputs, on planes of 1, 1/2, 1/4, 1/8, 1/16, 1/16."""

        def guide(site: int, x: Tensor) -> Tensor:
            parts = [x]
            if self.of_features:
                parts.append(self.of_features[site](features[self.guide_layers[site]], x.shape[2:]))
            if self.of_map:
                parts.append(self.of_map[site](initial, x.shape[2:]))
            return self.fusions[site](parts)

        b1 = guide(0, self.blocks[0](self.reduce(volume)))
        b2 = self.blocks[1](_pool(b1))
        b3 = guide(1, self.blocks[2](_pool(b2)))
        b4 = guide(2, self.blocks[3](_pool(b3)))
        b5 = self.blocks[4](_pool(b4))
        b6 = guide(3, self.blocks[5](b5))
        return [b1, b2, b3, b4, b5, b6]


def _pool(x: Tensor) -> Tensor:
    return F.max_pool3d(x, (1, 2, 2))


class Decoder(nn.Module):
    """Six blocks to the logits of pixels and of the category.

    Args:
        shape: of the network.
    """

    def __init__(self, shape: FilterShape) -> None:
        super().__init__()
        w = shape.width
        self.bottom = double(14 * w, 8 * w, 8 * w)
        self.up1 = Up(8 * w, 4 * w)
        self.join1 = nn.Sequential(double(8 * w, 4 * w, 4 * w), attention(4 * w))
        self.up2 = Up(4 * w, 2 * w)
        self.join2 = double(4 * w, 2 * w, 2 * w)
        self.up3 = Up(2 * w, w)
        self.join3 = nn.Sequential(double(3 * w, w, w), attention(w))
        self.up4 = Up(w, w)
        self.join4 = nn.Sequential(double(2 * w, 2 * w, w), attention(w))
        # The released decoder owns one more convolution, 48 -> 2 with 866 parameters, that it never uses.
        self.flatten = PlaneConv(w, w, (shape.depth, 1, 1))
        self.weigh = ChannelAttention(w, 4)
        self.segment = nn.Conv2d(1, 2, 1)
        # The class-aware adaptor. The released one has 3 * 48 written down as 144, so only that width runs.
        self.weigh_classes = ChannelAttention(3 * w, 16)
        self.mix_classes = PlaneConv(3 * w, w, 3, padding=1)
        self.classify = nn.Linear(w, shape.classes)

    def forward(self, blocks: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The encoder's blocks -> as `FilterNetwork.forward`."""
        b1, b2, b3, b4, b5, b6 = blocks
        x = self.bottom(torch.cat([b6, b5], dim=1))
        x = self.join1(self.up1(x, b4))
        x = self.join2(self.up2(x, b3))
        x = self.join3(self.up3(x, b2))
        joined = self.up4(x, b1)  # (B, 2w, L, H, W)
        x = self.join4(joined)  # (B, w, L, H, W)
        flat = self.weigh(self.flatten(x)).squeeze(2)  # (B, w, H, W)
        pixels = self.segment(flat.amin(dim=1, keepdim=True))
        if self.classify.out_features == 1:  # nothing to tell apart, and a tenth of the work
            return pixels, pixels.new_zeros(len(pixels), 1)
        mixed = self.mix_classes(self.weigh_classes(torch.cat([joined, x], dim=1)))
        return pixels, self.classify(F.relu(mixed).mean(dim=(2, 3, 4)))


class FilterNetwork(nn.Module):
    """Filters a cost volume.

    Args:
        shape: of the network.
        generator: draws the initial weights; on the CPU.
    """

    def __init__(self, shape: FilterShape, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape)
        self.apply(lambda module: _initialise(module, generator))

    def forward(self, volume: Tensor, features: Sequence[Tensor], initial: Tensor) -> tuple[Tensor, Tensor]:
        """Logits.

        Args:
            volume: (B, keep, L, H, W) costs; H and W at least 16.
            features: of the image, one (B, C, h, w) tensor per layer; grids and channels may differ.
            initial: (B, L, H, W) coarse anomaly map.

        Returns:
            (B, 2, H, W), normal and anomalous, and (B, classes).
        """
        return self.decoder(self.encoder(volume, features, initial))


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Kaiming's normal distribution for convolutions, torch's own default for the linear layer."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.in_features)
        nn.init.uniform_(module.weight, -bound, bound, generator=generator)
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)
