"""Projections of RD++ (Tien et al., CVPR 2023), and what they learn from: pictures with noise painted on them."""

import itertools

import cv2
import numpy as np
from torch import Tensor, nn

from adtool.core.arrays import Bytes
from adtool.core.synthetic import textures

OCTAVES, FREQUENCY, STRENGTH = 6, 64, 0.2  # of the noise; the finest octave is cut off at two pixels
SMALLEST, LARGEST = 1 / 25, 1 / 2  # side of the part with noise, as a share of the picture's


class Projection(nn.Module):
    """Four convolutions at one grid, narrower in the middle; (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels, max(1, channels // 2), max(1, channels // 4), max(1, channels // 2), channels]
        layers: list[nn.Module] = []
        for inward, outward in itertools.pairwise(widths):
            layers += [nn.Conv2d(inward, outward, 3, 1, 1), nn.InstanceNorm2d(outward), nn.LeakyReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Project."""
        return self.layers(x)


def with_noise(image: Bytes, side: int, rng: np.random.Generator) -> Bytes:
    """A picture with noise on a rectangle of it.

    The noise is Perlin's, not of simplices as in the paper: both are smooth fields of random gradients.

    Args:
        image: (H, W, 3).
        side: that it is brought to first, so that the noise is as fine as the network's input.
        rng: draws noise and place.

    Returns:
        (side, side, 3).
    """
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    low, high = max(2, round(side * SMALLEST)), max(3, round(side * LARGEST))
    height, width = (int(one) for one in rng.integers(low, high + 1, 2))
    top, left = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
    field = textures.fractal((side, side), (side / FREQUENCY, side / FREQUENCY), rng, octaves=OCTAVES)
    part = (slice(top, top + height), slice(left, left + width))
    made = small.astype(np.float64)
    made[part] += 255 * STRENGTH * field[part][..., None]
    return np.clip(made.round(), 0, 255).astype(np.uint8)
