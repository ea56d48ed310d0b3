"""Painted defects: scratches, cracks, holes and more on pictures of any size, with their true masks.

Strength follows the picture: a defect on a rough surface is stronger than one on a smooth surface. All arithmetic is
in double precision with one rounding at the end, so that a seed gives the same pixels on different processors.
"""

import cv2
import numpy as np
from scipy import ndimage

from adtool.core.arrays import Bools, Bytes
from adtool.core.errors import UsageError
from adtool.core.synthetic import faint_painters, judging_painters
from adtool.core.synthetic.painters import EDGE_KINDS, HALF, PAINTERS, REACH, Canvas, PaintedDefect
from adtool.core.synthetic.shapes import Point
from adtool.core.synthetic.textures import Field, Rng, blur

KINDS = tuple(PAINTERS)
FAINT_KINDS = tuple(faint_painters.PAINTERS)  # large ones
JUDGING_KINDS = tuple(judging_painters.PAINTERS)  # that nothing learns from
EVERY = {**PAINTERS, **faint_painters.PAINTERS, **judging_painters.PAINTERS}
REFERENCE_PX = 256  # a defect of size 1 is scaled to sqrt(H * W) as it would be in a picture of this side
GREY_SPREAD = 3  # a picture whose channels differ by less is grey, and stays so
SEEN = 5.0  # grey levels of change, averaged over a few pixels, that count as visible
MARKED = 0.15  # share of a patch that is seen to have changed, or the patch is not seen
MIN_PIXELS = 6
ATTEMPTS = 6
FINER = 2  # times finer than it is seen suffices for a picture that is painted on, along each side
LEAST_PIXELS, MOST_PIXELS = 2**19, 2**24  # that suffice, whatever it is seen at
SPARED = 8  # times as many pixels as suffice are painted on as they are; more would take hours and gigabytes
LONGEST = 8192  # side, in pixels
COARSE = 4  # every so many pixels a window of a large picture may have its middle


def paint(
    image: Bytes, kind: str, rng: Rng, *, part: Bools | None = None, size: float = 1.0, contrast: float = 1.0
) -> tuple[Bytes, Bools]:
    """Paint one defect.

    Args:
        image: (H, W, 3) RGB picture; it is not changed.
        kind: one of `KINDS`, `FAINT_KINDS` and `JUDGING_KINDS`.
        rng: the only source of chance; the same state gives the same defect.
        part: (H, W) where defects may lie, for instance from `find_part`; everywhere if None.
        size: scale of the defect; at 1 it covers about 0.3 % (hole, scratch) to 2.5 % (stain) of the picture.
        contrast: scale of its visibility; at 1 it is easily seen, at 0.4 hardly.

    Returns:
        The painted picture (H, W, 3), and the mask (H, W): pixels of the defect that changed visibly. Where
        nothing can be seen (a patch moved within a plain surface), it is painted again and stronger; the mask
        is empty, and the picture unchanged, only if even that could not be seen.

    Raises:
        UsageError: an unknown kind.
    """
    if kind not in EVERY:
        raise UsageError(f"There is no painted defect '{kind}'. There are: {', '.join(EVERY)}.")
    where = np.ones(image.shape[:2], dtype=bool) if part is None or not part.any() else part
    scale = float(np.sqrt(where.size)) / REFERENCE_PX
    result, mask = image.copy(), np.zeros(where.shape, dtype=bool)
    for attempt in range(ATTEMPTS):
        spot = _edge_spot(where, rng) if kind in EDGE_KINDS else _spot(where, 9 * scale * size, rng)
        window = _window(where.shape, spot, REACH * max(scale * size, 0.25))
        spot = (spot[0] - window[0].start, spot[1] - window[1].start)
        canvas = _canvas(image[window], where[window], spot, rng, scale=(scale, size, contrast * 1.3**attempt))
        painted, seen = _settle(image[window], EVERY[kind](canvas), where[window])
        if seen.any():
            result[window], mask[window] = painted, seen
            break
    return result, mask


def paint_within(image: Bytes, kind: str, rng: Rng, side: int, *, size: float, contrast: float) -> tuple[Bytes, Bools]:
    """Paint one defect within a random window of a large picture, as if that was the picture.

    Args:
        image: (H, W, 3) RGB picture; it is not changed.
        kind: as in `paint`.
        rng: the only source of chance.
        side: of the window, in pixels.
        size: scale of the defect, of the window.
        contrast: scale of its visibility.

    Returns:
        As `paint`.
    """
    part = find_part_coarsely(image)
    places = np.flatnonzero(part[::COARSE, ::COARSE])
    y, x = divmod(int(rng.choice(places)) if len(places) else 0, -(-part.shape[1] // COARSE))
    starts = [min(max(0, COARSE * at - side // 2), max(0, n - side)) for at, n in zip((y, x), part.shape, strict=True)]
    window = tuple(slice(start, start + side) for start in starts)
    result, mask = image.copy(), np.zeros(part.shape, dtype=bool)
    result[window], mask[window] = paint(image[window], kind, rng, part=part[window], size=size, contrast=contrast)
    return result, mask


def _window(shape: tuple[int, ...], spot: Point, reach: float) -> tuple[slice, slice]:
    """The rows and columns within `reach` px of a spot, so that the work does not grow with the picture."""
    start = [max(0, int(s - reach)) for s in spot]
    stop = [min(n, int(s + reach) + 2) for s, n in zip(spot, shape, strict=True)]
    return slice(start[0], stop[0]), slice(start[1], stop[1])


def _canvas(image: Bytes, part: Bools, spot: Point, rng: Rng, *, scale: tuple[float, float, float]) -> Canvas:
    """Measure the window; `scale` is px per reference pixel, size and contrast."""
    colour = image.astype(np.float64)
    unit, size, contrast = scale
    red, green, blue = cv2.split(image)
    grey = (colour[..., 0] + colour[..., 1] + colour[..., 2]) / 3
    rough = grey - blur(grey, max(2 * unit, 0.8))
    noise = 1.4826 * float(np.median(np.abs(rough[part])))
    grain = np.roll(np.clip(rough, -2 * noise, 2 * noise), (part.shape[0] // 2, part.shape[1] // 2), (0, 1))
    return Canvas(
        image=colour,
        part=part,
        spot=spot,
        px=max(unit * size, 0.25),
        fine=max(unit * float(np.sqrt(size)), 0.4),
        grain=grain * min(1.0, 3 / max(noise, 1e-9)),
        strength=contrast * float(np.clip(20 + 1.2 * noise, 20, 55)),
        contrast=contrast,
        level=float(grey[part].mean()),
        is_grey=max(cv2.absdiff(red, green).max(), cv2.absdiff(green, blue).max()) < GREY_SPREAD,
        rng=rng,
    )


def _spot(part: Bools, margin: float, rng: Rng) -> Point:
    """A random pixel of the part, `margin` px away from its outline if there is one."""
    side = 2 * int(margin) + 1
    inner = cv2.erode(part.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=0)
    places = np.flatnonzero(inner if inner.any() else part)
    y, x = divmod(int(rng.choice(places)), part.shape[1])
    return float(y), float(x)


def _edge_spot(part: Bools, rng: Rng) -> Point:
    """A random pixel of the part beside the ground, or on the picture's border if there is no ground."""
    beyond = 0 if part.all() else 1
    inner = cv2.erode(
        part.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=beyond
    )
    y, x = divmod(int(rng.choice(np.flatnonzero(part & (inner == 0)))), part.shape[1])
    return float(y), float(x)


def _settle(image: Bytes, painted: PaintedDefect, part: Bools) -> tuple[Bytes, Bools]:
    """Keep the change to the part, round to 8 bits, and find the pixels whose change can be seen."""
    before = image.astype(np.float64)
    keep = np.ones(part.shape) if painted.spills else np.minimum(blur(part.astype(np.float64), 0.7) * 2, 1)
    result = np.clip(np.rint(before + (painted.image - before) * keep[..., None]), 0, 255).astype(np.uint8)
    moved = cv2.absdiff(result, image)
    change = blur(np.maximum(np.maximum(moved[..., 0], moved[..., 1]), moved[..., 2]).astype(np.float64), 0.8)
    covered = painted.cover * part > HALF
    mask = covered & (change > SEEN)
    if painted.is_patch:
        mask = covered & (np.count_nonzero(mask) > MARKED * np.count_nonzero(covered))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    regions, _ = ndimage.label(closed, np.ones((3, 3)))
    large = np.bincount(regions.ravel()) >= MIN_PIXELS
    large[0] = False
    return result, np.asarray(large[regions])


def find_part(image: Bytes) -> Bools:
    """Where the part lies in front of an even ground; everywhere if the picture shows no such ground.

    Args:
        image: (H, W, 3) picture.

    Returns:
        (H, W): pixels whose colour differs from that of the picture's border, by Otsu's threshold, with holes kept.
        If the border is not of one colour, or hardly differs from the rest, the picture is a surface without a ground.
    """
    colour: Field = blur(image.astype(np.float64), 0.006 * float(np.hypot(*image.shape[:2])))
    band = max(1, min(image.shape[:2]) // 40)
    border = np.ones(image.shape[:2], dtype=bool)
    border[band:-band, band:-band] = False
    away = np.abs(colour - np.median(colour[border], axis=0))
    distance = np.maximum(np.maximum(away[..., 0], away[..., 1]), away[..., 2])
    threshold, _ = cv2.threshold(np.rint(distance).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    part = distance > threshold
    spread = np.percentile(distance[border], 90)
    clear = part.any() and np.median(distance[part]) > 3 * spread + 8 and 0.05 < part.mean() < 0.95  # noqa: PLR2004
    return part if clear else np.ones_like(part)


def find_part_coarsely(image: Bytes) -> Bools:
    """The same, found on a smaller copy of a large picture: in milliseconds instead of minutes."""
    shrink = min(1.0, (LEAST_PIXELS / (image.shape[0] * image.shape[1])) ** 0.5)
    size = tuple(max(1, round(one * shrink)) for one in image.shape[1::-1])
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    whole = cv2.resize(find_part(small).astype(np.uint8), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole, dtype=bool)


def handy(image: Bytes, side: int) -> Bytes:
    """The image, or a smaller one in its place where painting would take long for nothing: it is seen far smaller.

    Args:
        image: (H, W, 3).
        side: of the network input that it is seen at, in pixels.
    """
    height, width = image.shape[:2]
    enough = min(MOST_PIXELS, max(LEAST_PIXELS, (FINER * side) ** 2))
    if height * width <= min(MOST_PIXELS, SPARED * enough) and max(height, width) <= LONGEST:
        return image
    shrink = min(1.0, (enough / (height * width)) ** 0.5)
    size = tuple(min(LONGEST, max(1, int(one * shrink))) for one in (width, height))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
