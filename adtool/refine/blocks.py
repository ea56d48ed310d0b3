"""Parts of the filter network. All are for volumes (B, C, L, H, W), whose depth L is never changed."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.nn import tracing
from adtool.nn.processes import SharedNorm


class PlaneConv(nn.Conv3d):
    """A 3D convolution of a shallow volume, computed as a 2D one whose channels are those of all depths.

    The same numbers up to rounding. On a processor a training step takes half the time, and costs of zeros beyond
    the ends of the depth don't occur.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W) -> (B, out, L', H, W), L' by the padding of the depth."""
        if tracing.is_followed():  # ONNX takes no weights that are put together
            return super().forward(x)
        depth, ends = x.shape[2], int(self.padding[0])
        kernel = self.kernel_size[0]
        if kernel == 1:
            planes = x.flatten(2, 3)  # (B, C, L * H, W), one after the other: all the same for a 1 x 1 kernel
            if self.kernel_size[1] > 1:
                return super().forward(x)
            flat = F.conv2d(planes, self.weight.squeeze(2), self.bias)
            return flat.view(*flat.shape[:2], *x.shape[2:])
        left = depth + 2 * ends - kernel + 1  # L'
        padded = F.pad(self.weight, (0, 0, 0, 0, depth, depth))
        starts = range(depth + ends, depth + ends - left, -1)
        weight = torch.stack([padded[:, :, start : start + depth] for start in starts], dim=1)  # (out, L', C, L, k, k)
        bias = None if self.bias is None else self.bias.repeat_interleave(left)
        around = (int(self.padding[1]), int(self.padding[2]))
        flat = F.conv2d(x.flatten(1, 2), weight.flatten(2, 3).flatten(0, 1), bias, padding=around)
        return flat.view(len(x), self.out_channels, left, *flat.shape[2:])


def unit(channels: int, out: int, kernel: int) -> nn.Sequential:
    """A convolution that keeps the size, batch normalisation, ReLU."""
    conv = PlaneConv(channels, out, kernel, padding=kernel // 2)
    return nn.Sequential(conv, SharedNorm(out), nn.ReLU(inplace=True))


def double(channels: int, between: int, out: int) -> nn.Sequential:
    """Two 3 × 3 × 3 units."""
    return nn.Sequential(unit(channels, between, 3), unit(between, out, 3))


class ChannelAttention(nn.Module):
    """Weighs channels by what they hold in the whole volume (CBAM, Woo et al. 2018), and adds the input.

    Args:
        channels: of the volume.
        reduction: channels per hidden unit.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = PlaneConv(channels, hidden, 1, bias=False)
        self.excite = PlaneConv(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W) -> the same shape."""
        pooled = (x.mean(dim=(2, 3, 4), keepdim=True), x.amax(dim=(2, 3, 4), keepdim=True))
        mean, largest = (self.excite(F.relu(self.squeeze(p))) for p in pooled)
        return x + x * torch.sigmoid(mean + largest)


class SpatialAttention(nn.Module):
    """Weighs positions by what their neighbourhood holds in all channels, and adds the input.

    Args:
        kernel: side of the neighbourhood, odd.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = PlaneConv(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L, H, W) -> the same shape."""
        pooled = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x + x * torch.sigmoid(self.conv(pooled))


def attention(channels: int) -> nn.Sequential:
    """Channel and spatial attention, as the decoder has it."""
    return nn.Sequential(ChannelAttention(channels, 8), SpatialAttention(3))


class GuideProjection(nn.Module):
    """Brings a flat guide, features or a map, to the shape of a volume.

    Args:
        channels: of the guide.
        out: channels of the volume.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.mix = unit(channels, out, 1)
        self.smooth = unit(out, out, 3)

    def forward(self, guide: Tensor, size: torch.Size) -> Tensor:
        """(B, C, h, w) and the size (L, H, W) -> (B, out, L, H, W)."""
        mixed = self.mix(guide.unsqueeze(2)).squeeze(2)  # (B, out, h, w)
        # Trilinear from a depth of 1 is bilinear, repeated.
        plane = F.interpolate(mixed, size=tuple(size[1:]), mode="bilinear", align_corners=False)
        return self.smooth(plane.unsqueeze(2).expand(-1, -1, size[0], -1, -1))


class Fusion(nn.Module):
    """Joins a volume with its guides.

    Args:
        channels: of the volume and of each guide.
        parts: the volume and its guides, counted.
    """

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(ChannelAttention(parts * channels, 16), SpatialAttention(7))
        self.mix = unit(parts * channels, channels, 1)

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Tensors (B, C, L, H, W), the volume first -> one of that shape."""
        return self.mix(self.weigh(torch.cat(parts, dim=1)))


class Up(nn.Module):
    """Enlarges the plane to that of a skip connection, and appends the latter.

    Args:
        channels: of the volume.
        out: its channels after, not counting those of the skip connection.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.smooth = unit(channels, out, 3)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, L, h, w) and (B, S, L, H, W) -> (B, out + S, L, H, W)."""
        size = (skip.shape[3], skip.shape[4])
        # The depth stays, so trilinear is bilinear in each plane, whose gradient torch can sum in a fixed order.
        planes = F.interpolate(x.flatten(1, 2), size=size, mode="bilinear", align_corners=True)
        return torch.cat([self.smooth(planes.reshape(*x.shape[:3], *size)), skip], dim=1)
