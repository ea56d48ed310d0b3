"""Painted defects that are large and faint: what an uneven, frayed or worn surface looks like.

They are no part of the generated data sets and of what limits are judged by, whose figures would change.
"""

from collections.abc import Callable

import numpy as np

from adtool.core.synthetic import shapes
from adtool.core.synthetic.painters import Canvas, PaintedDefect
from adtool.core.synthetic.textures import blur, fractal, smoothstep

SOFT = 0.5  # of the radius, over which a shade fades


def shade(canvas: Canvas) -> PaintedDefect:
    """A wide part of the surface is darker or lighter, without an outline, and its texture stays."""
    rng = canvas.rng
    radius = rng.uniform(24, 50) * canvas.px
    radii = (radius * rng.uniform(1, 1.8), radius)
    distance = shapes.blob(canvas.shape, canvas.spot, radii, rng, rough=0.35)
    cover = shapes.cover(distance, SOFT * radius)
    uneven = 1 + 0.4 * fractal(canvas.shape, canvas.cells(40), rng, octaves=2)
    amount = np.clip(0.9 * canvas.strength / max(canvas.level, 50.0), 0.05, 0.5) * rng.choice((-1, 1))
    return PaintedDefect(canvas.image * (1 + amount * (cover * uneven)[..., None]), cover)


def fray(canvas: Canvas) -> PaintedDefect:
    """A patch of many short fibres or rough marks, mostly in one direction."""
    rng, px, fine = canvas.rng, canvas.px, canvas.fine
    radius = rng.uniform(14, 30) * px
    radii = (radius * rng.uniform(1, 2), radius)
    distance = shapes.blob(canvas.shape, canvas.spot, radii, rng, rough=0.4)
    places = np.argwhere(distance < 0)
    heading = rng.uniform(0, np.pi)
    marks = np.zeros(canvas.shape)
    for is_light in (False, True):
        strokes = [
            _mark(places[int(rng.integers(len(places)))], heading + rng.normal(0, 0.5), canvas)
            for _ in range(int(rng.integers(12, 40)) if len(places) else 0)
        ]
        marks += (1 if is_light else -1) * blur(shapes.draw(canvas.shape, strokes), 0.4 * fine)
    cover = shapes.cover(distance, 3 * fine)
    return PaintedDefect(canvas.image + 0.7 * canvas.strength * (marks * cover)[..., None], cover, is_patch=True)


def _mark(start: np.ndarray, heading: float, canvas: Canvas) -> shapes.Stroke:
    """A straight thin stroke."""
    length = canvas.rng.uniform(4, 14) * canvas.px
    along = np.linspace(-0.5, 0.5, 5)[:, None] * length * np.array([np.sin(heading), np.cos(heading)])
    return shapes.Stroke(start + along, np.full(5, canvas.rng.uniform(0.7, 1.4) * canvas.fine))


def wear(canvas: Canvas) -> PaintedDefect:
    """The surface is rubbed: its texture is gone, or stronger, and it is a little lighter or darker."""
    rng, fine = canvas.rng, canvas.fine
    radius = rng.uniform(16, 34) * canvas.px
    radii = (radius * rng.uniform(1, 1.8), radius)
    distance = shapes.blob(canvas.shape, canvas.spot, radii, rng, rough=0.5)
    patchy = smoothstep(-0.5, 0.3, fractal(canvas.shape, canvas.cells(12), rng))
    cover = shapes.cover(distance, 0.25 * radius) * patchy
    plain = blur(canvas.image, 3 * fine)
    kept = rng.choice((rng.uniform(0, 0.4), rng.uniform(1.6, 2.4)))
    shift = rng.choice((-1, 1)) * rng.uniform(0.1, 0.5) * canvas.strength
    worn = plain + kept * (canvas.image - plain) + shift
    image = canvas.image + (worn - canvas.image) * cover[..., None]
    return PaintedDefect(image, shapes.cover(distance, 2 * fine), is_patch=True)


PAINTERS: dict[str, Callable[[Canvas], PaintedDefect]] = {"fray": fray, "shade": shade, "wear": wear}
