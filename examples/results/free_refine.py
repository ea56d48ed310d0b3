"""Refinement that learns nothing: `python examples/results/free_refine.py [--most N] [--only WORD] WORKSPACE ...`.

Each workspace is one set whose maps `adtool maps` made; one of several categories counts as their mean. Printed are
pixel AP and AUPRO at 256 px, and what each variant changes in the mean of the sets and in the worst of them. Maps and
pictures are squeezed to 256 px first; no variant sees a mask. `--most` takes so many images of a category, spread
evenly; `--only` takes the variants whose name holds what a regular expression looks for.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Floats
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import MapsFolder
from adtool.core.steps import notes
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision
from adtool.report import sources, truth

SIDE = 256
Variant = Callable[[Floats, Floats], Floats]  # of (a map, grey values 0 to 1): at the median of all maps 0, spread 1


@dataclass(frozen=True)
class Category:
    """What a category is judged by, at SIDE x SIDE."""

    maps: list[Floats]
    pictures: list[Floats]
    masks: list[Bools]


def read(workspace: Path, most: int) -> list[Category]:
    """The categories of a workspace."""
    folder = MapsFolder(workspace / "maps")
    data = read_dataset(sources.noted_data([folder.path]))
    found = []
    for name in notes.done_categories(folder.path):
        category = data.category(name)
        samples = category.test[:: max(1, round(len(category.test) / most))]
        pairs = list(truth.pairs(samples, category, folder, eval_size=SIDE))
        some = np.concatenate([scores[::8, ::8].ravel() for scores, _ in pairs])
        zero, one = np.percentile(some, (50, 99))
        maps = [(scores - np.float32(zero)) / np.float32(one - zero) for scores, _ in pairs]
        pictures = [grey(arrays.read_image(one.image, one.reading)) for one in samples]
        found.append(Category(maps, pictures, [mask for _, mask in pairs]))
    return found


def grey(image: arrays.Bytes) -> Floats:
    """Squeezed, 0 to 1."""
    interpolation = cv2.INTER_AREA if min(image.shape[:2]) > SIDE else cv2.INTER_LINEAR
    small = cv2.resize(image, (SIDE, SIDE), interpolation=interpolation)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)


def box(values: Floats, radius: int) -> Floats:
    """Mean of a square."""
    return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)


def guided(radius: int, smooth: float, rounds: int = 1) -> Variant:
    """The map as a locally linear function of the picture (He, Sun, Tang: guided image filtering)."""

    def apply(scores: Floats, picture: Floats) -> Floats:
        mean = box(picture, radius)
        spread = box(picture * picture, radius) - mean * mean
        for _ in range(rounds):
            middle = box(scores, radius)
            slope = (box(picture * scores, radius) - mean * middle) / (spread + np.float32(smooth))
            scores = box(slope, radius) * picture + box(middle - slope * mean, radius)
        return scores

    return apply


def disc(radius: int) -> np.ndarray:
    """A structuring element."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def closing(radius: int) -> Variant:
    """Gaps that are narrower than a disc are closed."""
    return lambda scores, _: cv2.morphologyEx(scores, cv2.MORPH_CLOSE, disc(radius))


def opening(radius: int) -> Variant:
    """Spots that are narrower than a disc are removed."""
    return lambda scores, _: cv2.morphologyEx(scores, cv2.MORPH_OPEN, disc(radius))


def filled(scores: Floats, _: Floats) -> Floats:
    """What is surrounded by higher scores gets the lowest of the way out: reconstruction by erosion."""
    level = np.full_like(scores, scores.max())
    level[[0, -1], :], level[:, [0, -1]] = scores[[0, -1], :], scores[:, [0, -1]]
    small = np.ones((3, 3), np.uint8)
    while True:
        lower = np.maximum(cv2.erode(level, small), scores)
        if np.array_equal(lower, level):
            return lower
        level = lower


def sharpened(sigma: float, strength: float) -> Variant:
    """What a blur would take away is added."""
    return lambda scores, _: scores + np.float32(strength) * (scores - cv2.GaussianBlur(scores, (0, 0), sigma))


def contrasted(sigma: float, strength: float, *, signed: bool = False) -> Variant:
    """High scores count more where the picture differs from what is around it, where scores are lower."""

    def apply(scores: Floats, picture: Floats) -> Floats:
        height = np.maximum(scores, 0)
        weight = 1 / (1 + height * height)
        around = cv2.GaussianBlur(weight * picture, (0, 0), sigma) / cv2.GaussianBlur(weight, (0, 0), sigma)
        apart = picture - around
        spread = np.sqrt(
            cv2.GaussianBlur(weight * apart * apart, (0, 0), sigma) / cv2.GaussianBlur(weight, (0, 0), sigma)
        )
        apart = apart / (spread + np.float32(0.02))
        if signed:  # as light or as dark as what scores highest
            apart = np.maximum(apart * np.sign(np.sum(apart * height**3)), 0)
        return scores + np.float32(strength) * height * np.minimum(np.abs(apart), 3)

    return apply


def chain(*parts: Variant) -> Variant:
    """One after the other."""

    def apply(scores: Floats, picture: Floats) -> Floats:
        for part in parts:
            scores = part(scores, picture)
        return scores

    return apply


VARIANTS: dict[str, Variant] = {
    "as they are": lambda scores, _: scores,
    **{f"guided {r} px, {e}": guided(r, e) for r in (2, 4, 8, 16) for e in (0.0001, 0.001, 0.01)},
    "guided 8 px, 0.001, twice": guided(8, 0.001, 2),
    **{f"closing {r} px": closing(r) for r in (2, 4, 8)},
    **{f"opening {r} px": opening(r) for r in (2, 4)},
    "filled": filled,
    **{f"sharpened {s} px, {a}": sharpened(s, a) for s in (4.0, 8.0, 16.0) for a in (1.0, 3.0)},
    **{f"contrast {s} px, {a}": contrasted(s, a) for s in (4.0, 8.0, 16.0) for a in (0.3, 1.0)},
    "contrast 8 px, 0.3, one side": contrasted(8.0, 0.3, signed=True),
    "contrast 16 px, 1, one side": contrasted(16.0, 1.0, signed=True),
    "contrast 8 px, 0.3, closing 2 px": chain(contrasted(8.0, 0.3), closing(2)),
    "contrast 8 px, 0.3, guided 4 px, 0.001": chain(contrasted(8.0, 0.3), guided(4, 0.001)),
    "closing 4 px, guided 4 px, 0.001": chain(closing(4), guided(4, 0.001)),
    "guided 4 px, 0.001, closing 2 px": chain(guided(4, 0.001), closing(2)),
    "sharpened 8 px, 1, guided 4 px, 0.001": chain(sharpened(8.0, 1.0), guided(4, 0.001)),
    "filled, guided 4 px, 0.001": chain(filled, guided(4, 0.001)),
    "filled, guided 6 px, 0.001": chain(filled, guided(6, 0.001)),
    "contrast 8 px, 0.3, closing 2 px, guided 4 px, 0.001": chain(contrasted(8.0, 0.3), closing(2), guided(4, 0.001)),
    "contrast 8 px, 0.3, closing 2 px, filled": chain(contrasted(8.0, 0.3), closing(2), filled),
    "contrast 8 px, 0.3, closing 4 px, filled": chain(contrasted(8.0, 0.3), closing(4), filled),
    "filled, contrast 8 px, 0.3, closing 2 px, guided 4 px, 0.001": chain(
        filled, contrasted(8.0, 0.3), closing(2), guided(4, 0.001)
    ),
    "filled, guided 6 px, 0.001, contrast 8 px, 0.3, closing 2 px": chain(
        filled, guided(6, 0.001), contrasted(8.0, 0.3), closing(2)
    ),
    "filled, contrast 8 px, 0.3, closing 4 px, guided 6 px, 0.001": chain(
        filled, contrasted(8.0, 0.3), closing(4), guided(6, 0.001)
    ),
    "contrast 8 px, 0.3, closing 6 px, filled": chain(contrasted(8.0, 0.3), closing(6), filled),
    "contrast 8 px, 0.3, closing 8 px, filled": chain(contrasted(8.0, 0.3), closing(8), filled),
    "contrast 8 px, 0.6, closing 4 px, filled": chain(contrasted(8.0, 0.6), closing(4), filled),
    "contrast 8 px, 0.6, closing 6 px, filled": chain(contrasted(8.0, 0.6), closing(6), filled),
    "contrast 5 px, 0.3, closing 4 px, filled": chain(contrasted(5.0, 0.3), closing(4), filled),
    "contrast 5 px, 0.6, closing 6 px, filled": chain(contrasted(5.0, 0.6), closing(6), filled),
    "contrast 12 px, 0.3, closing 6 px, filled": chain(contrasted(12.0, 0.3), closing(6), filled),
    "contrast 8 px, 0.3, closing 4 px, filled, guided 4 px, 0.001": chain(
        contrasted(8.0, 0.3), closing(4), filled, guided(4, 0.001)
    ),
    "contrast 8 px, 0.3, closing 6 px, filled, guided 4 px, 0.001": chain(
        contrasted(8.0, 0.3), closing(6), filled, guided(4, 0.001)
    ),
    "one side 8 px, 0.3, closing 2 px": chain(contrasted(8.0, 0.3, signed=True), closing(2)),
    "filled, one side 8 px, 0.3, closing 2 px, guided 4 px, 0.001": chain(
        filled, contrasted(8.0, 0.3, signed=True), closing(2), guided(4, 0.001)
    ),
}


def judged(category: Category, variant: Variant) -> tuple[float, float]:
    """Pixel AP and AUPRO."""
    maps = (variant(scores, picture) for scores, picture in zip(category.maps, category.pictures, strict=True))
    pixels = Pixels.of(zip(maps, category.masks, strict=True))
    return average_precision(pixels.rankings()), aupro(pixels)


def main(workspaces: Sequence[Path], most: int, only: str) -> None:
    """Print the table."""
    sets = [read(workspace, most) for workspace in workspaces]
    names = " | ".join(workspace.name for workspace in workspaces)
    print(f"| pixel AP / AUPRO | {names} | mean | gained | worst set |\n" + "|---" * (len(sets) + 4) + "|")
    before = None
    for name, variant in VARIANTS.items():
        if before is not None and not re.search(only, name):
            continue
        figures = np.array([np.mean([judged(one, variant) for one in each], axis=0) for each in sets])
        before = figures if before is None else before
        gained, worst = (figures - before).mean(axis=0), (figures - before).min(axis=0)
        cells = ["{:.3f} / {:.3f}".format(*pair) for pair in (*figures, figures.mean(axis=0))]
        print(
            "|",
            " | ".join([name, *cells, *("{:+.3f} / {:+.3f}".format(*pair) for pair in (gained, worst))]),
            "|",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspaces", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=10**6)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    main(given.workspaces, given.most, given.only)
