"""The networks of EfficientAD: patch description networks, and an autoencoder of the teacher's features."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 33  # pixels along a side that a feature of a patch description network is of
BORDER = 16  # mirrored pixels with which every fourth pixel of a picture, up to its border, has a feature
HALVINGS = 5  # of the autoencoder's encoder
NARROWEST = 8  # side of the grid at most that becomes one vector


@dataclass(frozen=True)
class EfficientAdSizes:
    """Of the networks.

    Attributes:
        medium: 1 for the M of the paper, 0 for its S.
        share: of the paper's inner channels.
        channels: of the teacher; the student has twice as many.
        side: of the picture, in pixels.
        mirrored: whether the picture goes on mirrored beyond its border, so that all of it gets a score.
        dropout: in the autoencoder's decoder, while it trains.
        taught: 1 if the teacher is a network of patches, 0 if the backbone itself teaches.
    """

    medium: int
    share: float
    channels: int
    side: int
    mirrored: int
    dropout: float
    taught: int

    @property
    def grid(self) -> int:
        """Side of the grid of features."""
        pooled = (self.side + 2 * BORDER * self.mirrored - 3) // 2
        return (pooled - 3) // 2 - 5

    def part(self, channels: int) -> int:
        """A share of inner channels."""
        return max(1, round(self.share * channels))


class PatchNetwork(nn.Module):
    """A patch description network: a feature of each patch of 33 x 33 pixels, four pixels apart, without padding."""

    def __init__(self, sizes: EfficientAdSizes, channels: int) -> None:
        super().__init__()
        first, second = (sizes.part(count << sizes.medium) for count in (128, 256))
        layers = [nn.Conv2d(3, first, 4), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(first, second, 4), nn.ReLU()]
        layers += [nn.AvgPool2d(2)]
        if sizes.medium:
            layers += [nn.Conv2d(second, second, 1), nn.ReLU(), nn.Conv2d(second, second, 3), nn.ReLU()]
            layers += [nn.Conv2d(second, channels, 4), nn.ReLU(), nn.Conv2d(channels, channels, 1)]
        else:
            layers += [nn.Conv2d(second, second, 3), nn.ReLU(), nn.Conv2d(second, channels, 4)]
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pictures -> (B, C, h, w)."""
        return self.layers(fast(pictures))


class Autoencoder(nn.Module):
    """A whole picture as one vector, and what the teacher would see of it; (B, 3, S, S) -> (B, C, h, w)."""

    def __init__(self, sizes: EfficientAdSizes) -> None:
        super().__init__()
        narrow, wide = sizes.part(32), sizes.part(64)
        encoder: list[nn.Module] = []
        for inward, outward in ((3, narrow), (narrow, narrow), (narrow, wide), (wide, wide), (wide, wide)):
            encoder += [nn.Conv2d(inward, outward, 4, 2, 1), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder, nn.Conv2d(wide, wide, min(NARROWEST, sizes.side >> HALVINGS)))
        self.steps = nn.ModuleList(nn.Conv2d(wide, wide, 4, 1, 2) for _ in range(HALVINGS + 1))
        self.last = nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1), nn.ReLU(), nn.Conv2d(wide, sizes.channels, 3, 1, 1))
        self.sizes = sizes

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode and decode."""
        x = self.encoder(fast(pictures))
        for number, step in enumerate(self.steps):
            x = F.relu(step(_brought_to(x, self.side_of(number))))
            x = F.dropout(x, self.sizes.dropout, self.training)
        return self.last(_brought_to(x, self.sizes.grid))

    def side_of(self, step: int) -> int:
        """Side of the grid that a step of the decoder works on: 3, 8, 15, 32, 63 and 127 for 256 pixels."""
        halved = self.sizes.side >> (HALVINGS + 1 - step)
        return max(1, halved - (step % 2 == 0 or step == HALVINGS))


def fast(pictures: Tensor) -> Tensor:
    """The same with channels beside each other in memory: convolutions on a processor take half the time then."""
    return pictures.contiguous(memory_format=torch.channels_last)


def _brought_to(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


class EfficientAd(nn.Module):
    """Teacher (unless the backbone is that), student and autoencoder, and the teacher's features on good parts.

    First weights are drawn from torch's global state: make it within `seeding.drawn_from`.
    """

    shift: Tensor
    spread: Tensor

    def __init__(self, sizes: EfficientAdSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.teacher = PatchNetwork(sizes, sizes.channels) if sizes.taught else None
        self.student = PatchNetwork(sizes, 2 * sizes.channels)
        self.autoencoder = Autoencoder(sizes)
        self.register_buffer("shift", torch.zeros(sizes.channels))  # of the teacher's channels
        self.register_buffer("spread", torch.ones(sizes.channels))
        self.to(memory_format=torch.channels_last)  # see `fast`

    def described(self, pictures: Tensor, seen: Tensor | None) -> Tensor:
        """What the teacher sees, channels of mean 0 and variance 1 on good parts.

        Args:
            pictures: (B, 3, S, S), normalised.
            seen: (B, C, h, w) what the backbone sees in them, where it teaches itself.

        Returns:
            (B, C, h, w).
        """
        return (self.taught(pictures, seen) - self.shift[:, None, None]) / self.spread[:, None, None]

    def taught(self, pictures: Tensor, seen: Tensor | None) -> Tensor:
        """The same as it is."""
        if self.teacher is not None:
            return self.teacher(self.bordered(pictures))
        assert seen is not None
        return seen

    def learned(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the student makes of pictures: as the teacher, and as the autoencoder, (B, C, h, w) each."""
        found = self.student(self.bordered(pictures))
        return found[:, : self.sizes.channels], found[:, self.sizes.channels :]

    def bordered(self, pictures: Tensor) -> Tensor:
        """Pictures as a patch description network gets them."""
        return F.pad(pictures, [BORDER] * 4, mode="reflect") if self.sizes.mirrored else pictures
