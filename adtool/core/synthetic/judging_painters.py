"""Painted defects that nothing learns from: what has learned to find painted defects is judged by these.

Each changes a picture by another way than the painters that a filter learns from.
"""

from collections.abc import Callable

import cv2
import numpy as np

from adtool.core.synthetic import shapes
from adtool.core.synthetic.painters import Canvas, PaintedDefect
from adtool.core.synthetic.textures import blur, grid, relief


def smear(canvas: Canvas) -> PaintedDefect:
    """The surface is drawn along one direction, as by a finger over wet paint."""
    rng = canvas.rng
    radius = rng.uniform(10, 22) * canvas.px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 2.5), radius), rng, rough=0.25)
    length = max(3, round(1.2 * radius))
    turn = cv2.getRotationMatrix2D((length / 2, length / 2), float(rng.uniform(0, 180)), 1.0)
    line = np.zeros((length + 1, length + 1), np.float64)
    line[length // 2] = 1
    kernel = cv2.warpAffine(line, turn, (length + 1, length + 1))
    drawn = cv2.filter2D(canvas.image, -1, kernel / max(kernel.sum(), 1e-9), borderType=cv2.BORDER_REFLECT_101)
    drawn = drawn + rng.choice((-1, 1)) * 0.5 * canvas.strength
    cover = shapes.cover(distance, 2.5 * canvas.fine)
    return PaintedDefect(canvas.image + (drawn - canvas.image) * cover[..., None], cover)


def speckle(canvas: Canvas) -> PaintedDefect:
    """A swarm of grains, each of a few pixels, denser in the middle."""
    rng, px = canvas.rng, canvas.px
    spread = rng.uniform(5, 14) * px
    y, x = grid(canvas.shape)
    dots = np.zeros(canvas.shape)
    for at in np.array(canvas.spot) + rng.normal(0, spread, (int(rng.integers(5, 25)), 2)):
        size = rng.uniform(0.8, 2.2) * canvas.fine
        dots = np.maximum(dots, np.clip(size - np.hypot(y - at[0], x - at[1]) + 0.5, 0, 1))
    colour = canvas.tint(*rng.uniform(0, 255, 3))
    colour = np.where(np.abs(colour - canvas.level) < 1.5 * canvas.strength, canvas.level - 2 * canvas.strength, colour)
    image = canvas.image + np.clip(0.8 * canvas.contrast, 0.3, 1) * (colour - canvas.image) * dots[..., None]
    return PaintedDefect(image, dots)


def groove(canvas: Canvas) -> PaintedDefect:
    """A broad pressed line with a lit and a shaded flank, under which the surface stays as it is."""
    rng = canvas.rng
    width = rng.uniform(4, 8) * canvas.fine
    stroke = shapes.wander(canvas.spot, rng.uniform(40, 100) * canvas.px, width, rng, bend=0.25)
    pressed = shapes.draw(canvas.shape, [stroke])
    slope = relief(-blur(pressed, 0.25 * width) * width, (float(rng.choice((-0.7, 0.7))), 0.7))
    return PaintedDefect(canvas.image + 1.6 * canvas.strength * np.clip(slope, -1, 1)[..., None], pressed)


def ripple(canvas: Canvas) -> PaintedDefect:
    """The surface is shifted to and fro in waves, as a web that was fed unevenly, and shines on their crests."""
    rng = canvas.rng
    radius = rng.uniform(14, 30) * canvas.px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.6), radius), rng, rough=0.2)
    cover = shapes.cover(distance, 0.3 * radius)
    y, x = grid(canvas.shape)
    angle, length = rng.uniform(0, np.pi), rng.uniform(6, 14) * canvas.px
    wave = np.sin((y * np.sin(angle) + x * np.cos(angle)) * (2 * np.pi / length)) * cover
    shift = rng.uniform(0.15, 0.3) * length * wave
    to_x = (x + shift * np.sin(angle)).astype(np.float32)
    to_y = (y + shift * np.cos(angle)).astype(np.float32)
    moved = cv2.remap(canvas.image, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    image = moved + 0.6 * canvas.strength * wave[..., None]
    return PaintedDefect(image, shapes.cover(distance, 2 * canvas.fine), is_patch=True)


PAINTERS: dict[str, Callable[[Canvas], PaintedDefect]] = {
    "groove": groove,
    "ripple": ripple,
    "smear": smear,
    "speckle": speckle,
}
