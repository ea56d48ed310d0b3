"""How each kind of painted defect looks; `defects.paint` is the way to call these.

A painter gets a canvas, and returns the changed picture and the cover of its defect. Lengths are for a picture of
`REFERENCE_PX`, times `canvas.px` or, for line widths and soft edges, `canvas.fine`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from adtool.core.arrays import Bools
from adtool.core.synthetic import shapes
from adtool.core.synthetic.textures import Field, Rng, blur, fractal, grid, material, perlin, relief, slopes, smoothstep

HALF = 0.5
BRIGHT, MIDDLE, DIM = 190, 120, 90  # mean grey levels that decide between light and dark paint
MIN_GROUND = 0.02  # share of the picture; less is no ground to copy from


@dataclass(frozen=True)
class Canvas:
    """What a painter is given.

    Attributes:
        image: (H, W, 3) in [0, 255], a window around the defect.
        part: (H, W) pixels of the part.
        spot: (y, x) of the defect's middle, on the part.
        px: length that stands for one pixel of the reference picture, times the size asked for.
        fine: the same for line widths and soft edges, which grow with the square root of the size.
        grain: (H, W) noise like the picture's own.
        strength: a clearly visible change in grey levels, times the contrast asked for.
        contrast: as asked for.
        level: mean grey level of the part.
        is_grey: whether the picture has no colour.
        rng: the only source of chance.
    """

    image: Field
    part: Bools
    spot: tuple[float, float]
    px: float
    fine: float
    grain: Field
    strength: float
    contrast: float
    level: float
    is_grey: bool
    rng: Rng

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self.image.shape[0], self.image.shape[1]

    def cells(self, side: float) -> tuple[float, float]:
        """Number of noise cells of `side` reference pixels that fit into the picture."""
        return self.shape[0] / (side * self.px), self.shape[1] / (side * self.px)

    def tint(self, red: float, green: float, blue: float) -> Field:
        """A colour, or its grey in a grey picture; (3,)."""
        colour = np.array((red, green, blue))
        return np.full(3, colour.mean()) if self.is_grey else colour


@dataclass(frozen=True)
class PaintedDefect:
    """A painter's result.

    Attributes:
        image: (H, W, 3) the new picture.
        cover: (H, W) of the defect, in [0, 1].
        spills: whether the cover may leave the part.
        is_patch: whether a person would mark all of the cover, with the pixels between its marks.
    """

    image: Field
    cover: Field
    spills: bool = False
    is_patch: bool = False


def scratch(canvas: Canvas) -> PaintedDefect:
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
    is_lit = canvas.level < BRIGHT and rng.uniform() < 0.75  # noqa: PLR2004
    change = (1.5 if is_lit else -1.2) * blur(core, 0.45 * fine) - 0.7 * blur(drop, 0.7 * fine) * (1 - core)
    return PaintedDefect(canvas.image + canvas.strength * change[..., None], np.clip(2 * core, 0, 1))


def crack(canvas: Canvas) -> PaintedDefect:
    """A dark, jagged, branching line with a faintly raised lip."""
    rng, fine = canvas.rng, canvas.fine
    width = rng.uniform(1.6, 2.8) * fine
    line = shapes.draw(canvas.shape, shapes.crack(canvas.spot, rng.uniform(60, 120) * canvas.px, width, rng))
    depth = np.clip(0.62 * canvas.contrast, 0.2, 0.92) * blur(line, 0.35 * fine)
    lip = np.roll(line, (round(width) or 1, round(width) or 1), (0, 1)) * (1 - line)
    image = canvas.image * (1 - depth)[..., None] + 0.35 * canvas.strength * blur(lip, 0.6 * fine)[..., None]
    return PaintedDefect(image, np.clip(1.5 * line, 0, 1))


def hole(canvas: Canvas) -> PaintedDefect:
    """A round or long dark pit, shadowed under its upper rim and lit at the lower."""
    rng, fine = canvas.rng, canvas.fine
    radius = rng.uniform(5, 9) * canvas.px
    radii = (radius * rng.uniform(1, 1.7), radius)
    distance = shapes.blob(canvas.shape, canvas.spot, radii, rng, rough=rng.uniform(0.05, 0.3))
    cover = shapes.cover(distance, 1.6 * fine)
    wall = smoothstep(-0.75 * radius, 0, distance)
    lit = relief(blur(distance, 0.5 * fine), (0.7, 0.7))
    floor = np.clip(0.55 - 0.3 * canvas.contrast, 0.08, 0.6) * blur(canvas.image, radius / 2)
    inside = floor * (1 - 0.3 * fractal(canvas.shape, canvas.cells(8), rng, octaves=2) * (1 - wall))[..., None]
    inside = inside + canvas.image * (0.45 * wall * np.clip(-lit, 0, 1))[..., None]
    rim = np.exp(-((distance / (1.6 * fine)) ** 2)) * 0.6 * canvas.strength * lit * (1 - cover)
    return PaintedDefect(_put(canvas, canvas.image, inside, cover) + rim[..., None], cover)


def stain(canvas: Canvas) -> PaintedDefect:
    """A large soft blotch of uneven density, usually with a darker edge, that leaves the surface visible."""
    rng, px = canvas.rng, canvas.px
    radius = rng.uniform(15, 28) * px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.6), radius), rng, rough=0.55)
    cover = shapes.cover(distance, 5 * canvas.fine)
    edge = np.exp(-(((distance + 3 * canvas.fine) / (3 * canvas.fine)) ** 2))
    density = np.clip(
        0.75 + 0.55 * fractal(canvas.shape, canvas.cells(10), rng) + rng.uniform(0, 0.6) * edge, 0.25, 1.6
    )
    tint = canvas.tint(*((0.25, 0.5, 0.95) if rng.uniform() < HALF else (0.75, 0.72, 0.6)))  # rust or oil
    amount = np.clip(1.8 * canvas.strength / max(canvas.level, 60.0), 0.08, 0.6)
    lighter = -0.8 if canvas.level < DIM and rng.uniform() < HALF else 1.0
    return PaintedDefect(canvas.image * (1 - lighter * amount * (cover * density)[..., None] * tint), cover)


def dent(canvas: Canvas) -> PaintedDefect:
    """A smooth bump or hollow: light on one flank, shade on the other, and the pattern bent over it."""
    rng = canvas.rng
    radius = rng.uniform(11, 20) * canvas.px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.5), radius), rng, rough=0.12)
    height = smoothstep(0, 1, -distance / radius) * rng.choice((-1, 1))
    bent = _bend(canvas.image, height, strength=0.35 * radius)
    slope = relief(height * radius)
    cover = shapes.cover(distance + 0.12 * radius, 0.3 * radius)
    gain = np.clip(1.8 * canvas.strength / max(canvas.level, 50.0), 0.1, 1.0) * slope
    return PaintedDefect(bent * (1 + gain)[..., None] + 0.2 * canvas.strength * slope[..., None], cover)


def drop(canvas: Canvas) -> PaintedDefect:
    """Splashes of a glossy foreign substance: a few domes with highlight and shadow."""
    rng, fine = canvas.rng, canvas.fine
    colour = canvas.tint(*rng.uniform(0.25, 1, 3)) * (70 if canvas.level > MIDDLE else 215)
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
        image = _put(canvas, image * (1 - 0.3 * shadow)[..., None], body, opacity * cover)
        total = np.maximum(total, cover)
    return PaintedDefect(image, total)


def chip(canvas: Canvas) -> PaintedDefect:
    """A piece broken off the edge: the ground shows where there is some, else a rough darker fracture."""
    rng, fine = canvas.rng, canvas.fine
    radius = rng.uniform(11, 19) * canvas.px
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.6), radius), rng, rough=0.5)
    side = 2 * max(1, round(1.5 * fine)) + 1  # the outline's own soft edge goes with the piece
    region = cv2.dilate(canvas.part.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    if (~region).mean() > MIN_GROUND:
        inside = _mirrored_ground(canvas.image, ~region)
        shade = smoothstep(-5 * fine, 0, distance) * np.clip(relief(blur(distance, fine), (0.7, 0.7)), 0, 1)
        inside = inside * (1 - 0.45 * shade * blur(canvas.part.astype(np.float64), fine))[..., None]
    else:
        facets = relief(blur(fractal(canvas.shape, canvas.cells(14), rng, octaves=3) * 6 * canvas.px, 0.8 * fine))
        tone = np.clip(0.8 - 0.3 * canvas.contrast + 0.3 * np.clip(facets, -1, 1), 0.1, 1.2)
        inside = blur(canvas.image, radius / 2) * tone[..., None]
    cover = shapes.cover(distance, 1.5 * fine) * region
    rim = np.exp(-(((distance - 1.2 * fine) / (1.5 * fine)) ** 2)) * canvas.part * 0.8 * canvas.strength
    lit = rim * relief(blur(distance, fine), (0.7, 0.7))
    return PaintedDefect(_put(canvas, canvas.image + lit[..., None], inside, cover), cover * canvas.part, spills=True)


def cut_paste(canvas: Canvas) -> PaintedDefect:
    """A patch of the same picture, moved and turned, as after a wrong weave or a misprint."""
    rng = canvas.rng
    radius = rng.uniform(11, 19) * canvas.px
    moved = _other_view(canvas, radius)
    distance = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 2), radius), rng, rough=0.2)
    cover = shapes.cover(distance, 1.8 * canvas.fine)
    gain = 1 + rng.choice((-1, 1)) * min(0.25, 0.4 * canvas.strength / max(canvas.level, 40.0))
    return PaintedDefect(canvas.image + (moved * gain - canvas.image) * cover[..., None], cover)


def texture(canvas: Canvas) -> PaintedDefect:
    """Islands of a foreign made-up material, cut out by a noise threshold (after DRAEM, ICCV 2021)."""
    rng, px = canvas.rng, canvas.px
    radius = rng.uniform(18, 32) * px
    reach = shapes.blob(canvas.shape, canvas.spot, (radius * rng.uniform(1, 1.5), radius), rng, rough=0.3) / radius
    island = perlin(canvas.shape, canvas.cells(26), rng) - 0.2 - np.clip(reach + 0.35, -0.6, 4)
    cover = np.clip(island * 12 / canvas.fine, 0, 1)
    opacity = np.clip(0.55 * canvas.contrast, 0.2, 0.95)
    made_up = material(canvas.shape, rng, grey=canvas.is_grey)
    return PaintedDefect(_put(canvas, canvas.image, made_up, opacity * cover), cover)


def _put(canvas: Canvas, image: Field, inside: Field, cover: Field) -> Field:
    """`inside` over `image`, with the picture's own noise, which a made-up surface lacks; (H, W, 3)."""
    return image + (inside + canvas.grain[..., None] - image) * cover[..., None]


def _mirrored_ground(image: Field, ground: Bools) -> Field:
    """The ground continued below the part by reflection at the part's outline; (H, W, 3)."""
    near = ndimage.distance_transform_edt(~ground, return_distances=False, return_indices=True)
    here = np.indices(ground.shape)
    far = np.clip(2 * near - here, 0, np.array(ground.shape)[:, None, None] - 1)
    source = np.where(ground[far[0], far[1]], far, near)
    return image[source[0], source[1]]


def _bend(image: Field, height: Field, *, strength: float) -> Field:
    """The picture as seen through a bumpy surface: moved along the slope of `height`; (H, W, 3)."""
    slope_y, slope_x = slopes(height)
    y, x = grid((height.shape[0], height.shape[1]))
    to_x, to_y = (x - strength * slope_x).astype(np.float32), (y - strength * slope_y).astype(np.float32)
    return np.asarray(cv2.remap(image, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))


def _other_view(canvas: Canvas, radius: float) -> Field:
    """The picture turned, and moved so that another place of the part comes to the canvas's spot; (H, W, 3)."""
    rng, side = canvas.rng, 2 * int(radius) + 1
    inner = cv2.erode(canvas.part.astype(np.uint8), np.ones((side, side), np.uint8))
    places = np.flatnonzero(inner if inner.any() else canvas.part)
    y, x = np.divmod(rng.choice(places, 8), canvas.shape[1])
    best = int(np.argmin(np.abs(np.hypot(y - canvas.spot[0], x - canvas.spot[1]) - 4 * radius)))
    matrix = cv2.getRotationMatrix2D(
        (float(x[best]), float(y[best])), float(rng.choice((-1, 1)) * rng.uniform(25, 155)), 1
    )
    matrix[:, 2] += (canvas.spot[1] - x[best], canvas.spot[0] - y[best])
    size = canvas.shape[::-1]
    return np.asarray(
        cv2.warpAffine(canvas.image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


EDGE_KINDS = frozenset({"chip"})  # their spot lies on the part's outline
REACH = 96  # no painter goes farther from its spot

PAINTERS: dict[str, Callable[[Canvas], PaintedDefect]] = {
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
