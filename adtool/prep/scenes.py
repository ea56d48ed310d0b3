"""Normal images of made-up industrial parts and materials, each a little different from the next.

A scene draws one image of H x W pixels: geometry as signed distances in pixels (negative inside), shading from
height maps, and a camera with uneven light and noise. It returns the image and the pixels of the part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from adtool.core.arrays import Bools, Bytes
from adtool.core.synthetic.textures import Field, Rng, blur, fractal, grid, perlin, relief, smoothstep

REFERENCE_PX = 256  # lengths below are meant for a picture of this height


@dataclass(frozen=True)
class Scene:
    """A rendered image before the camera: light in [0, 255], channels first, (3, H, W), and the part, (H, W)."""

    light: Field
    part: Bools


def camera(light: Field, rng: Rng) -> Bytes:
    """Uneven illumination, exposure, slight blur and sensor noise; (3, H, W) float to (H, W, 3) uint8."""
    height, width = light.shape[1:]
    y, x = grid((height, width))
    tilt = rng.normal(0, 0.05, 2)
    lamp = 1 + tilt[0] * (y / height - 0.5) + tilt[1] * (x / width - 0.5)
    vignette = 1 - 0.16 * ((y / height - 0.5) ** 2 + (x / width - 0.5) ** 2)
    lamp *= vignette * rng.normal(1, 0.02)
    noise = 1.6 * rng.standard_normal((1, height, width), np.float32) + 0.7 * rng.standard_normal(
        light.shape, np.float32
    )
    planes = [
        blur(plane, 0.5 * min(height, width) / REFERENCE_PX) * lamp + grain
        for plane, grain in zip(light, noise, strict=True)
    ]
    return np.asarray(cv2.merge([np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in planes]))


def _coloured(shade: Field, *colour: float) -> Field:
    """One shade times a colour; (H, W) to (3, H, W)."""
    return np.stack([shade * channel for channel in colour])


def gear(shape: tuple[int, int], rng: Rng) -> Scene:
    """A turned steel gear with 18 teeth, a keyed hub and five holes, lying anywhere round on a rubber belt."""
    unit = min(shape) / REFERENCE_PX
    dy, dx, radius, angle = _polar(shape, rng, jitter=4 * unit)
    outer = 106 * unit * rng.normal(1, 0.006)
    turn = rng.uniform(0, 2 * np.pi)
    tooth = np.clip(1.7 * np.cos(18 * (angle - turn)), -1, 1)
    edge = radius - outer - 7 * unit * tooth
    key_y, key_x = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    hub = np.minimum(radius - 22 * unit, np.maximum(np.abs(key_x) - 6 * unit, np.abs(key_y - 20 * unit) - 10 * unit))
    fold = np.cos((angle - turn + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)  # five holes are one, seen five times
    bores = np.sqrt(radius**2 + (57 * unit) ** 2 - 114 * unit * radius * fold) - 12 * unit
    solid = np.maximum(edge, np.maximum(-hub, -bores))  # signed distance to the part's outline
    groove = np.abs(radius - 84 * unit) - 2.2 * unit
    height = _bevel(solid, 3 * unit) + _bevel(-groove, 2 * unit) * 0.7
    bow_tie = np.cos(2 * (angle - 0.6 + rng.normal(0, 0.08))) * (1 + 0.25 * np.cos(angle + 0.8))
    lathe = np.interp(radius, np.arange(0, 200, 0.8) * unit, rng.normal(0, 1, 250))
    face = 138 + 34 * bow_tie + 6.5 * lathe * (0.7 + 0.5 * bow_tie) + 5 * fractal(shape, (5, 5), rng, octaves=2)
    face = np.where(groove < 0, face * 0.8, face) + 62 * relief(blur(height, 0.8 * unit))
    belt = _belt(shape, rng, unit)
    return _place(_coloured(face, 1.0, 0.985, 0.95), belt, solid, depth=6 * unit)


def _belt(shape: tuple[int, int], rng: Rng, unit: float) -> Field:
    grain = blur(rng.standard_normal(shape), 0.8 * unit)
    level = 50 + 6 * fractal(shape, (4, 4), rng, octaves=3) + 3.5 * grain / grain.std()
    return _coloured(level, 0.86, 1.0, 0.94)


def cap(shape: tuple[int, int], rng: Rng) -> Scene:
    """A blue moulded screw cap with knurls, a raised ring and an embossed mark, on a white tray."""
    unit = min(shape) / REFERENCE_PX
    dy, dx, radius, angle = _polar(shape, rng, jitter=3 * unit)
    turn = rng.normal(0, 0.1)
    outer = 98 * unit * rng.normal(1, 0.005)
    knurl = np.cos(64 * (angle - turn))
    solid = radius - outer - 1.6 * unit * knurl
    side = smoothstep(0, 1, (radius - outer + 17 * unit) / (15 * unit))
    height = -15 * unit * side**2 + 2.2 * unit * knurl * side * (1 - side) * 3
    height += 2.6 * unit * smoothstep(0, 1, 1 - np.abs(radius - 68 * unit) / (5 * unit))
    height -= 4.5 * unit * smoothstep(0, 1, 1 - radius / (62 * unit))  # the middle is a shallow dish
    height += 2.2 * unit * _mark(dy, dx, turn, unit)
    height -= 2.0 * unit * smoothstep(0, 1, 1 - radius / (5 * unit))  # the injection point
    height = blur(height + 0.25 * fractal(shape, (9, 9), rng, octaves=2) * unit, 1.2 * unit)
    slope = relief(height)
    sheen = np.exp(-(((dy / unit + 36) / 52) ** 2) - ((dx / unit + 30) / 64) ** 2)
    shade = 0.82 + 0.30 * np.clip(slope, -1.5, 1.5) + 0.16 * sheen + 0.012 * fractal(shape, (30, 30), rng, octaves=2)
    gloss = 150 * smoothstep(0.55, 1.3, slope) + 20 * sheen
    hue = np.array((38.0, 92.0, 168.0)) * rng.normal(1, 0.012, 3)
    tray = _coloured(203 + 4 * fractal(shape, (3, 3), rng, octaves=2), 1.0, 0.99, 0.965)
    return _place(_coloured(shade, *hue) + _coloured(gloss, 0.8, 0.9, 1.0), tray, solid, depth=7 * unit)


def _mark(dy: Field, dx: Field, turn: float, unit: float) -> Field:
    """Embossed triangle of three bars and a dot; (H, W) in [0, 1]."""
    distance = np.full(np.broadcast(dy, dx).shape, 1e9)
    for corner in np.arange(3) * (2 * np.pi / 3) + turn:
        across = dx * np.cos(corner) + dy * np.sin(corner)
        along = dy * np.cos(corner) - dx * np.sin(corner)
        bar = np.maximum(np.abs(across - 19 * unit) - 3.2 * unit, np.abs(along) - 28 * unit)
        distance = np.minimum(distance, bar)
    return smoothstep(0, 1, 0.5 - distance / (2 * unit))


def fabric(shape: tuple[int, int], rng: Rng) -> Scene:
    """Coarse plain-woven cloth: threads of uneven thickness and colour, slightly skewed."""
    unit = min(shape) / REFERENCE_PX
    y, x = grid(shape)
    pitch = 9.0 * unit * rng.normal(1, 0.01)
    skew = rng.normal(0, 0.012, 2)
    warp = (x + skew[0] * y + 2.2 * unit * fractal(shape, (3, 4), rng, octaves=2)) / pitch + rng.uniform(8, 9)
    weft = (y + skew[1] * x + 2.2 * unit * fractal(shape, (4, 3), rng, octaves=2)) / pitch + rng.uniform(8, 9)
    over = (np.floor(warp) + np.floor(weft)) % 2 == 0
    across = np.where(over, warp % 1, weft % 1) - 0.5
    along = np.where(over, weft % 1, warp % 1) - 0.5
    threads = rng.normal(0, 1, (2, 400))
    tone = np.where(over, threads[0][warp.astype(int)], threads[1][weft.astype(int)])
    body = np.sqrt(np.cos(np.pi * np.clip(across * (0.97 - 0.03 * tone), -0.5, 0.5)) * np.cos(np.pi * along * 0.8))
    twist = 0.06 * np.sin(2 * np.pi * (along * 2.5 + across * 1.2))
    fibre = blur(rng.normal(0, 1, shape), 0.7 * unit)
    shade = 0.32 + 0.68 * body * (1 + twist) + 0.035 * tone * body + 0.05 * fibre / fibre.std() * body
    wear = 1 + 0.03 * fractal(shape, (3, 3), rng, octaves=3)
    dye = rng.normal(1, 0.02) * rng.normal(1, 0.006, 3)
    shade *= wear * np.where(over, 1.0, 0.89)
    return Scene(_coloured(shade, *(np.array((196.0, 184.0, 160.0)) * dye)), np.ones(shape, dtype=bool))


def wood(shape: tuple[int, int], rng: Rng) -> Scene:
    """A planed pine board, grain running along the picture's width."""
    unit = shape[0] / REFERENCE_PX
    y, x = grid(shape)
    length = shape[1] / shape[0]
    bow = rng.normal(0, 0.5) * (x / shape[1] - rng.uniform(0.2, 0.8)) ** 2
    across = y / shape[0] + 0.05 * fractal(shape, (2.5, 1.2 * length), rng, octaves=2) + bow * 0.25
    density = rng.uniform(10, 14)
    ring = across * density + 0.7 * perlin(shape, (2.2, 0.4 * length), rng) + rng.uniform(0, 1)
    phase = ring % 1
    late = smoothstep(0.25, 0.9, phase) * (1 - smoothstep(0.93, 1.0, phase))  # soft to late wood, then a sharp edge
    weight = rng.uniform(0.65, 1, 64)[ring.astype(int) % 64]
    fibre = perlin(shape, (shape[0] / (2.2 * unit), 5 * length), rng) + 0.7 * perlin(
        shape, (shape[0] / (5 * unit), 9 * length), rng
    )
    pores = smoothstep(0.42, 0.75, perlin(shape, (shape[0] / (2.5 * unit), 22 * length), rng))
    depth = np.clip(0.62 * late * weight + 0.12 * fibre + 0.12 * fractal(shape, (3, 2), rng, octaves=2) + 0.1, 0, 1)
    light, dark = np.array((214.0, 170.0, 118.0)), np.array((142.0, 92.0, 52.0))
    stock = rng.normal(1, (0.025, 0.02, 0.02))
    shade = 1 - 0.22 * pores
    board = np.stack([(a + (b - a) * depth) * shade for a, b in zip(light * stock, dark * stock, strict=True)])
    return Scene(board, np.ones(shape, dtype=bool))


def grille(shape: tuple[int, int], rng: Rng) -> Scene:
    """Punched steel sheet: round holes in staggered rows, brushed along the width, dark behind."""
    unit = min(shape) / REFERENCE_PX
    y, x = grid(shape)
    turn, pitch = rng.normal(0, 0.012), 31 * unit * rng.normal(1, 0.006)
    rows = np.sqrt(3.0) * pitch
    v = y * np.cos(turn) - x * np.sin(turn) + rng.uniform(0, rows)
    u = x * np.cos(turn) + y * np.sin(turn) + rng.uniform(0, pitch)
    centres = [np.hypot((u + s * pitch) % pitch - pitch / 2, (v + s * rows) % rows - rows / 2) for s in (0.0, 0.5)]
    hole = np.minimum(*centres) - 9.5 * unit
    height = _bevel(-hole, 3 * unit)
    brush = perlin(shape, (shape[0] / (1.6 * unit), 3), rng) + perlin(shape, (shape[0] / (4 * unit), 2), rng)
    face = (
        146
        + 9 * brush
        + 7 * fractal(shape, (3, 3), rng, octaves=2)
        + 14 * np.sin(y / shape[0] * 3 + rng.normal(1, 0.3))
    )
    face = face + 55 * relief(blur(height, 0.9 * unit))
    below = 26 + 6 * fractal(shape, (4, 4), rng, octaves=2)
    wall = smoothstep(0, 1, 1 + hole / (3.2 * unit)) * smoothstep(-0.4, 1, relief(blur(hole, unit)))
    behind = _coloured(below + 70 * wall, 0.95, 1.0, 1.08)
    return _place(_coloured(face, 0.98, 1.0, 1.02), behind, -hole, depth=0)


def _polar(shape: tuple[int, int], rng: Rng, *, jitter: float) -> tuple[Field, Field, Field, Field]:
    """Offsets dy, dx from a centre that moves by `jitter` px, with their radius and angle; all (H, W)."""
    y, x = grid(shape)
    centre = np.array(shape) / 2 - 0.5 + rng.normal(0, 1, 2) * jitter * 0.6
    dy, dx = np.broadcast_arrays(y - centre[0], x - centre[1])
    return dy, dx, np.hypot(dy, dx), np.arctan2(dy, dx)


def _bevel(distance: Field, width: float) -> Field:
    """Height in px of an edge that rises over `width` px inwards of a signed distance."""
    return np.clip(-distance, 0, width)


def _place(face: Field, ground: Field, solid: Field, *, depth: float) -> Scene:
    """Lay a part on its ground with antialiased edges and a shadow that reaches `depth` px."""
    cover = np.clip(0.5 - solid, 0, 1)
    if depth > 0:
        near = blur(np.roll(cover, (round(depth * 0.7), round(depth * 0.7)), (0, 1)), depth * 0.5)
        ground = ground * (1 - 0.6 * near)
    return Scene(ground + (face - ground) * cover, cover > 0.5)  # noqa: PLR2004


SCENES: dict[str, Callable[[tuple[int, int], Rng], Scene]] = {
    "cap": cap,
    "fabric": fabric,
    "gear": gear,
    "grille": grille,
    "wood": wood,
}
