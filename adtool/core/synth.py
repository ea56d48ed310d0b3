"""Painted defects: scratches, cracks, holes and more on pictures of any size, with their true masks.

A painter changes a copy of the picture and says which pixels it meant to change; `paint` keeps it to the part, matches
the picture's grain and takes as mask what can be seen. Strength follows the picture: a defect on a rough surface is
stronger than one on a smooth surface.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from adtool.core import shapes
from adtool.core.arrays import Bools, Bytes
from adtool.core.textures import Field, Rng, blur, fractal, material, perlin, relief, smoothstep

REFERENCE_PX = 256  # a defect of size 1 is scaled to sqrt(H * W) as it would be in a picture of this side
GREY_SPREAD = 3  # a picture whose channels differ by less is grey, and stays so
SEEN = 5.0  # grey levels of change, averaged over a few pixels, that count as visible
HALF = 0.5
MIN_PIXELS = 6
ATTEMPTS = 6


@dataclass(frozen=True)
class Canvas:
    """What a painter is given.

    Attributes:
        image: (H, W, 3) in [0, 255].
        part: (H, W) pixels of the part.
        spot: (y, x) of the defect's middle, on the part.
        px: length that stands for one pixel of the reference picture, times the size asked for.
        fine: the same for line widths and soft edges, which grow with the square root of the size.
        strength: a clearly visible change in grey levels, times the contrast asked for.
        contrast: as asked for.
        is_grey: whether the picture has no colour.
        rng: the only source of chance.
    """

    image: Field
    part: Bools
    spot: tuple[float, float]
    px: float
    fine: float
    strength: float
    contrast: float
    is_grey: bool
    rng: Rng

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def level(self) -> float:
        """Mean grey level of the part."""
        return float(self.image[self.part].mean())

    def tint(self, red: float, green: float, blue: float) -> Field:
        """A colour, or its grey in a grey picture; (3,)."""
        colour = np.array((red, green, blue))
        return np.full(3, colour.mean()) if self.is_grey else colour


@dataclass(frozen=True)
class Painted:
    """A painter's result: the new picture (H, W, 3) and the cover of the defect, (H, W) in [0, 1]."""

    image: Field
    cover: Field
    spills: bool = False  # the cover may leave the part


def scratch(canvas: Canvas) -> Painted:
    """One to three thin parallel curves, a lit ridge beside a dark groove."""
    rng, fine = canvas.rng, canvas.fine
    stroke = shapes.wander(canvas.spot, rng.uniform(45, 110) * canvas.px, rng.uniform(1.3, 2.2) * fine, rng)
    strokes = [stroke]
    for _ in range(rng.choice(3, p=(0.6, 0.25, 0.15))):
        first = int(rng.integers(0, 10))
        points = stroke.points[first : first + 14] + rng.normal(0, 5, 2) * fine
        strokes.append(shapes.Stroke(points, stroke.widths[first : first + 14] * 0.8))
    core = shapes.draw(canvas.shape, strokes)
    drop = np.roll(core, (round(fine) or 1, round(fine) or 1), (0, 1))
    is_lit = canvas.level < 190 and rng.uniform() < 0.75  # noqa: PLR2004, a bright surface has no room for a light line
    change = (1.5 if is_lit else -1.2) * blur(core, 0.45 * fine) - 0.7 * blur(drop, 0.7 * fine) * (1 - core)
    return Painted(canvas.image + canvas.strength * change[..., None], np.maximum(core, HALF * (drop > HALF) + 0.1))


def crack(canvas: Canvas) -> Painted:
    """A dark, jagged, branching line with a faintly raised lip."""
    rng, fine = canvas.rng, canvas.fine
    width = rng.uniform(1.6, 2.8) * fine
    line = shapes.draw(canvas.shape, shapes.crack(canvas.spot, rng.uniform(60, 120) * canvas.px, width, rng))
    depth = np.clip(0.62 * canvas.contrast, 0.2, 0.92) * blur(line, 0.35 * fine)
    lip = np.roll(line, (round(width) or 1, round(width) or 1), (0, 1)) * (1 - line)
    image = canvas.image * (1 - depth)[..., None] + 0.35 * canvas.strength * blur(lip, 0.6 * fine)[..., None]
    return Painted(image, line)


def hole(canvas: Canvas) -> Painted:
    """A round or long dark pit, shadowed under its upper rim and lit at the lower."""
    rng, fine = canvas.rng, canvas.fine
    radius = rng.uniform(5, 9) * canvas.px
    radii = (radius * rng.uniform(1, 1.7), radius)
    distance = shapes.blob(canvas.shape, canvas.spot, radii, rng, rough=rng.uniform(0.05, 0.3))
    cover = shapes.cover(distance, 1.6 * fine)
    wall = smoothstep(-0.75 * radius, 0, distance)
    lit = relief(blur(distance, 0.5 * fine), (0.7, 0.7))
    floor = np.clip(0.55 - 0.3 * canvas.contrast, 0.08, 0.6) * blur(canvas.image, radius / 2)
    inside = floor * (1 - 0.3 * fractal(canvas.shape, (24, 24), rng, octaves=2) * (1 - wall))[..., None]
    inside = inside + canvas.image * (0.45 * wall * np.clip(-lit, 0, 1))[..., None]
    rim = np.exp(-((distance / (1.6 * fine)) ** 2)) * 0.6 * canvas.strength * lit * (1 - cover)
    return Painted(_mix(canvas.image, inside, cover) + rim[..., None], cover)


def stain(canvas: Canvas) -> Painted:
    """A large soft blotch of uneven density, usually with a darker edge, that leaves the surface visible."""
    rng, px = canvas.rng, canvas.px
    radius = rng.uniform(15, 28) * px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.6), radius), rng, rough=0.55)
    cover = shapes.cover(distance, 5 * canvas.fine)
    edge = np.exp(-(((distance + 3 * canvas.fine) / (3 * canvas.fine)) ** 2))
    cells = (canvas.shape[0] / (10 * px), canvas.shape[1] / (10 * px))
    density = np.clip(0.75 + 0.55 * fractal(canvas.shape, cells, rng) + rng.uniform(0, 0.6) * edge, 0.25, 1.6)
    tint = canvas.tint(*((0.25, 0.5, 0.95) if rng.uniform() < HALF else (0.75, 0.72, 0.6)))  # rust or oil
    amount = np.clip(1.3 * canvas.strength / max(canvas.level, 60.0), 0.08, 0.55)
    lighter = -0.8 if canvas.level < 90 and rng.uniform() < HALF else 1.0  # noqa: PLR2004, on dark parts also pale
    return Painted(canvas.image * (1 - lighter * amount * (cover * density)[..., None] * tint), cover)


def dent(canvas: Canvas) -> Painted:
    """A smooth bump or hollow: light on one flank, shade on the other, and the pattern bent over it."""
    rng = canvas.rng
    radius = rng.uniform(11, 20) * canvas.px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.5), radius), rng, rough=0.12)
    height = smoothstep(0, 1, -distance / radius) * rng.choice((-1, 1))
    bent = _bend(canvas.image, height, strength=0.35 * radius)
    slope = relief(height * radius)
    cover = shapes.cover(distance + 0.12 * radius, 0.3 * radius)
    gain = np.clip(1.3 * canvas.strength / max(canvas.level, 50.0), 0.1, 0.9) * slope
    return Painted(bent * (1 + gain)[..., None] + 0.2 * canvas.strength * slope[..., None], cover)


def drop(canvas: Canvas) -> Painted:
    """Splashes of a glossy foreign substance: a few domes with highlight and shadow."""
    rng, fine = canvas.rng, canvas.fine
    colour = canvas.tint(*rng.uniform(0.25, 1, 3)) * (70 if canvas.level > 120 else 215)  # noqa: PLR2004, stands out
    image, total = canvas.image, np.zeros(canvas.shape)
    for k in range(int(rng.integers(1, 5))):
        radius = rng.uniform(5.0, 8.5) * canvas.px / (1 + 0.35 * k)
        offset = rng.normal(0, 9, 2) * canvas.px if k else np.zeros(2)
        spot = (canvas.spot[0] + float(offset[0]), canvas.spot[1] + float(offset[1]))
        distance = shapes.blob(canvas.shape, spot, (radius * rng.uniform(1, 1.3), radius), rng, rough=0.25)
        cover = shapes.cover(distance, 1.6 * fine)
        dome = np.sqrt(np.clip(1 - (1 + np.minimum(distance, 0) / radius) ** 2, 0, 1)) * radius
        slope = relief(blur(dome, 0.9 * fine))
        body = colour * np.clip(0.85 + 0.35 * slope, 0.3, 1.4)[..., None]
        body = body + 140 * smoothstep(0.7, 1.3, slope)[..., None]
        opacity = np.clip(0.3 + 0.45 * canvas.contrast, 0.25, 0.97)
        shadow = np.roll(blur(cover, 1.2 * fine), (round(2 * fine), round(2 * fine)), (0, 1)) * (1 - cover)
        image = _mix(image * (1 - 0.3 * shadow)[..., None], body, opacity * cover)
        total = np.maximum(total, cover)
    return Painted(image, total)


def chip(canvas: Canvas) -> Painted:
    """A piece broken off the edge: the ground shows where there is some, else a rough darker fracture."""
    rng, fine = canvas.rng, canvas.fine
    radius = rng.uniform(11, 19) * canvas.px
    spot = _on_edge(canvas)
    distance = shapes.blob(canvas.shape, spot, (radius * rng.uniform(1, 1.6), radius), rng, rough=0.5)
    ground = ~canvas.part
    if ground.mean() > 0.02:  # noqa: PLR2004, less is no ground to copy from
        inside = _mirrored_ground(canvas.image, ground)
        shade = smoothstep(-5 * fine, 0, distance) * np.clip(relief(blur(distance, fine), (0.7, 0.7)), 0, 1)
        inside = inside * (1 - 0.45 * shade)[..., None]
    else:
        cells = (canvas.shape[0] / (9 * canvas.px), canvas.shape[1] / (9 * canvas.px))
        facets = relief(fractal(canvas.shape, cells, rng) * 9 * canvas.fine)
        inside = (
            blur(canvas.image, radius / 2) * np.clip(0.75 - 0.25 * canvas.contrast + 0.3 * facets, 0.1, 1.2)[..., None]
        )
    cover = shapes.cover(distance, 1.5 * fine)
    rim = np.exp(-(((distance - 1.2 * fine) / (1.5 * fine)) ** 2)) * canvas.part * 0.8 * canvas.strength
    lit = rim * relief(blur(distance, fine), (0.7, 0.7))
    return Painted(_mix(canvas.image + lit[..., None], inside, cover), cover * canvas.part, spills=True)


def cut_paste(canvas: Canvas) -> Painted:
    """A patch of the same picture, moved and turned, as after a wrong weave or a misprint."""
    rng = canvas.rng
    radius = rng.uniform(11, 19) * canvas.px
    moved = _other_view(canvas, radius)
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 2), radius), rng, rough=0.2)
    cover = shapes.cover(distance, 1.8 * canvas.fine)
    gain = 1 + rng.choice((-1, 1)) * min(0.25, 0.4 * canvas.strength / max(canvas.level, 40.0))
    return Painted(_mix(canvas.image, moved * gain, cover), cover)


def texture(canvas: Canvas) -> Painted:
    """Islands of a foreign made-up material, cut out by a noise threshold (after DRAEM, ICCV 2021)."""
    rng, px = canvas.rng, canvas.px
    radius = rng.uniform(18, 32) * px
    reach = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.5), radius), rng, rough=0.3) / radius
    cells = (canvas.shape[0] / (26 * px), canvas.shape[1] / (26 * px))
    island = perlin(canvas.shape, cells, rng) - 0.2 - np.clip(reach + 0.35, -0.6, 4)
    cover = np.clip(island * 12 / canvas.fine, 0, 1)
    opacity = np.clip(0.55 * canvas.contrast, 0.2, 0.95)
    return Painted(_mix(canvas.image, material(canvas.shape, rng, grey=canvas.is_grey), opacity * cover), cover)


PAINTERS: dict[str, Callable[[Canvas], Painted]] = {
    "chip": chip,
    "crack": crack,
    "cut_paste": cut_paste,
    "dent": dent,
    "drop": drop,
    "hole": hole,
    "scratch": scratch,
    "stain": stain,
    "texture": texture,
}
KINDS = tuple(PAINTERS)
