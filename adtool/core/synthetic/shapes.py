"""Outlines of painted defects: soft-edged strokes, branching cracks and rough blobs.

Lengths are in pixels, points are (y, x), and covers are (H, W) float64 in [0, 1] with antialiased edges.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from adtool.core.synthetic.textures import Field, Rng, fractal, grid

MAX_FINE_PX = 4096  # longest side of the enlarged picture that strokes are drawn in
Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """A line through (n, 2) points with a width at each."""

    points: Field
    widths: Field


def wander(start: Point, length: float, width: float, rng: Rng, *, bend: float = 0.6) -> Stroke:
    """A smooth curve centred on `start`, in any direction, tapering towards both ends.

    Args:
        start: its middle.
        length: along the curve.
        width: at its thickest.
        rng: direction, course and thickness.
        bend: total turn along the curve in radians, one standard deviation.
    """
    steps = 24
    t = np.linspace(0, 1, steps + 1)
    turn = rng.normal(0, bend) * (t - 0.5) + 0.5 * rng.normal(0, bend) * np.sin(2 * np.pi * (t + rng.uniform()))
    heading = rng.uniform(0, 2 * np.pi) + turn
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), 0) * (length / steps)
    path += np.array(start) - path[steps // 2]
    taper = np.sqrt(np.clip(np.sin(np.pi * (0.04 + 0.92 * t)), 0, 1))
    return Stroke(path, width * taper * rng.uniform(0.75, 1.0, steps + 1))


def crack(start: Point, length: float, width: float, rng: Rng) -> list[Stroke]:
    """A jagged line through `start` with two to five side branches, thinning towards every end."""
    heading = rng.uniform(0, 2 * np.pi)
    arms = [_jagged(start, heading + turn, length * share, width, rng) for turn, share in ((0, 0.55), (np.pi, 0.45))]
    for arm in list(arms):
        for _ in range(rng.integers(1, 3)):
            at = int(rng.integers(len(arm.points) // 4, max(len(arm.points) * 3 // 4, 2)))
            aim = heading + (0 if arm is arms[0] else np.pi) + rng.choice((-1, 1)) * rng.uniform(0.5, 1.0)
            y, x = arm.points[at]
            reach = length * rng.uniform(0.12, 0.28)
            arms.append(_jagged((float(y), float(x)), aim, reach, float(arm.widths[at]) * 0.8, rng))
    return arms


def _jagged(start: Point, heading: float, length: float, width: float, rng: Rng) -> Stroke:
    steps = max(4, round(length / max(1.8 * width, 2.0)))
    drift = np.cumsum(rng.normal(0, 0.16, steps)) + rng.normal(0, 0.5, steps)
    pace = rng.uniform(0.4, 1.6, (steps, 1)) * length / steps
    path = np.cumsum(np.stack([np.sin(heading + drift), np.cos(heading + drift)], 1) * pace, 0) + start
    widths = width * np.linspace(1, 0.3, steps + 1) * rng.uniform(0.6, 1.15, steps + 1)
    return Stroke(np.concatenate([[start], path]), widths)


def draw(shape: tuple[int, int], strokes: list[Stroke]) -> Field:
    """Cover of some strokes; lines thinner than a pixel come out faint."""
    scale = max(1, min(4, MAX_FINE_PX // max(shape)))
    fine = np.zeros((shape[0] * scale, shape[1] * scale), np.uint8)
    for stroke in strokes:
        dots = np.rint((stroke.points[:, ::-1] + 0.5) * scale * 16 - 8).astype(int)  # x, y in 1/16 of a fine pixel
        for a, b, width in zip(dots, dots[1:], stroke.widths[1:], strict=False):
            thick = max(1, round(float(width) * scale))
            cv2.line(fine, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, thick, cv2.LINE_AA, 4)
    small = cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_AREA) if scale > 1 else fine
    return small.astype(np.float64) / 255


def blob(shape: tuple[int, int], centre: Point, radii: tuple[float, float], rng: Rng, *, rough: float = 0.3) -> Field:
    """Signed distance (about, in px, negative inside) to a turned ellipse with a noisy outline.

    Args:
        shape: H, W.
        centre: its middle.
        radii: the two half axes.
        rng: turn and outline.
        rough: height of the bumps as a share of the smaller radius.
    """
    y, x = grid(shape)
    angle, small = rng.uniform(0, np.pi), min(radii)
    dy, dx = y - centre[0], x - centre[1]
    along, across = dy * np.sin(angle) + dx * np.cos(angle), dy * np.cos(angle) - dx * np.sin(angle)
    distance = (np.hypot(along / radii[0], across / radii[1]) - 1) * small
    bumps = (shape[0] / (1.6 * small), shape[1] / (1.6 * small))
    return distance + (rough * small * fractal(shape, bumps, rng, octaves=3) if rough > 0 else 0)


def cover(distance: Field, soft: float = 1.0) -> Field:
    """Cover of a signed distance, falling from 1 to 0 over `soft` px around the outline."""
    return np.clip(0.5 - distance / soft, 0, 1)
