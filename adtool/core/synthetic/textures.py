"""Procedural textures: Perlin noise, shaded relief, and made-up materials to paint with.

All fields are float64: the results are rounded to 8 bits later, and in double precision the last bits,
which differ between processors, practically never reach the rounded value.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Rng = np.random.Generator


def perlin(shape: tuple[int, int], cells: tuple[float, float], rng: Rng) -> Field:
    """Gradient noise, mean 0, nearly always in [-1, 1].

    Args:
        shape: H, W.
        cells: lattice cells over the height and over the width, any positive number; unequal ones give streaks.
        rng: draws the gradients and the offset of the lattice.

    Returns:
        (H, W) noise. Ken Perlin, "Improving noise" (SIGGRAPH 2002), interpolated over one axis after the other.
    """
    (at_y, weight_y, slope_y), (at_x, weight_x, slope_x) = (_axis(n, c, rng) for n, c in zip(shape, cells, strict=True))
    angle = rng.uniform(0, 2 * np.pi, (at_y[-1] + 2, at_x[-1] + 2))
    down, right = np.sin(angle), np.cos(angle)
    # (H, lattice): the part of the gradients that points down, and the part that points right
    down = slope_y[0] * down[at_y] + slope_y[1] * down[at_y + 1]
    right = weight_y[0] * right[at_y] + weight_y[1] * right[at_y + 1]
    noise = down.take(at_x, 1) * weight_x[0].T + down.take(at_x + 1, 1) * weight_x[1].T
    noise += right.take(at_x, 1) * slope_x[0].T + right.take(at_x + 1, 1) * slope_x[1].T
    return np.sqrt(2.0) * noise


def _axis(size: int, cells: float, rng: Rng) -> tuple[NDArray[np.intp], Field, Field]:
    """The lattice point before each pixel (size,); the fade weights of it and the next one; those times the offset."""
    position = rng.uniform() + np.arange(size) * (cells / size)
    before = position.astype(np.intp)
    offset = (position - before - np.array([[0.0], [1.0]]))[..., None]
    near = 1 - np.abs(offset)
    fade = near * near * near * (near * (6 * near - 15) + 10)
    return before, fade, fade * offset


def fractal(shape: tuple[int, int], cells: tuple[float, float], rng: Rng, *, octaves: int = 4) -> Field:
    """Perlin noise summed over octaves of half the size and half the strength; (H, W), about [-1, 1]."""
    total = np.zeros(shape)
    for octave in range(octaves):
        scale = 2.0**octave
        finest = [min(c * scale, n / 2) for c, n in zip(cells, shape, strict=True)]
        total += perlin(shape, (finest[0], finest[1]), rng) / scale
    return total / 1.2


def relief(height: Field, light: tuple[float, float] = (-0.7, -0.7)) -> Field:
    """Slope of a height map towards a light that stands at (y, x); (H, W), positive where lit, 0 where flat."""
    slope_y, slope_x = slopes(height)
    return np.asarray(-(slope_y * light[0] + slope_x * light[1]))


def slopes(height: Field) -> tuple[Field, Field]:
    """How fast a height map rises along y and along x; not at all where it is one pixel wide."""
    along = (
        np.gradient(height, axis=axis) if size > 1 else np.zeros(height.shape) for axis, size in enumerate(height.shape)
    )
    slope_y, slope_x = along
    return slope_y, slope_x


def grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Pixel coordinates y (H, 1) and x (1, W)."""
    return np.arange(shape[0], dtype=np.float64)[:, None], np.arange(shape[1], dtype=np.float64)[None, :]


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur of (H, W) or (H, W, C) with reflected borders; none for a sigma of 0."""
    return field if sigma <= 0 else np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), dtype=np.float64)


def material(shape: tuple[int, int], rng: Rng, *, grey: bool = False) -> Field:
    """A random made-up texture: clouds, stripes, veins, cells or speckles in two or three colours.

    Returns:
        (H, W, 3) values in [0, 255], with equal channels if `grey`.
    """
    pattern = (_clouds, _stripes, _veins, _cells, _speckles)[rng.integers(5)]
    value = np.clip(0.5 + 0.5 * pattern(shape, rng), 0, 1)[..., None]
    dark, light, accent = rng.uniform((0, 110, 0), (110, 255, 255), (3, 3)).T
    if grey:
        dark, light, accent = (np.full(3, c.mean()) for c in (dark, light, accent))
    patches = smoothstep(0.1, 0.4, fractal(shape, (4, 4), rng))[..., None] * rng.uniform(0, 0.6)
    return np.clip((dark + (light - dark) * value) * (1 - patches) + accent * patches, 0, 255)


def _clouds(shape: tuple[int, int], rng: Rng) -> Field:
    cells = 2.0 ** rng.uniform(2, 5, 2)
    return fractal(shape, (cells[0], cells[1]), rng, octaves=5)


def _stripes(shape: tuple[int, int], rng: Rng) -> Field:
    y, x = grid(shape)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 24)
    bend = rng.uniform(0, 1.5) * fractal(shape, (3, 3), rng, octaves=2)
    return np.asarray(np.sin((y * np.sin(angle) + x * np.cos(angle)) * (2 * np.pi / period) + bend))


def _veins(shape: tuple[int, int], rng: Rng) -> Field:
    return 1 - 4 * np.abs(fractal(shape, (rng.uniform(4, 10), rng.uniform(4, 10)), rng))


def _cells(shape: tuple[int, int], rng: Rng) -> Field:
    away = np.ones(shape, np.uint8)
    count = max(4, int(rng.uniform(1, 6) * shape[0] * shape[1] / 1000))
    away[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = 0
    distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    return 1 - 2 * distance / max(1.0, np.percentile(distance, 98))


def _speckles(shape: tuple[int, int], rng: Rng) -> Field:
    grain = blur(rng.standard_normal(shape), rng.uniform(0.7, 2))
    return smoothstep(0.8, 1.6, grain / (grain.std() or 1)) * 2 - 1 + 0.2 * fractal(shape, (6, 6), rng, octaves=2)
