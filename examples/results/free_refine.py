"""Refinement that learns nothing: `python examples/results/free_refine.py [--painted N] WORKSPACE ...`.

Each workspace is one set whose maps `adtool maps` made; one of several categories counts as their mean. Printed are
pixel AP and AUPRO at 256 px, and what each variant changes in the mean of the sets and in the worst of them. Maps and
pictures are squeezed to 256 px first; no variant sees a mask. `--most N` takes so many images of a category, spread
evenly; `--only WORD` takes the variants whose name holds what a regular expression looks for. `--painted N` takes the
maps of so many painted images of each category instead, by which `adtool refine --method free` judges, at 128 px.
"""

import argparse
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from adtool.core import arrays, map_source
from adtool.core.arrays import Bools, Floats
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import MapsFolder
from adtool.core.steps import notes
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision
from adtool.nn.options import ANY_ENGINE
from adtool.refine import blending, free_category, validation
from adtool.refine.map_detectors import MapDetectors
from adtool.report import sources, truth
from adtool_runtime.refining import free

SIDE = 256
Variant = Callable[[Floats, Floats], Floats]  # of (a map, grey values 0 to 1): at the median of all maps 0, spread 1


@dataclass(frozen=True)
class Category:
    """What a category is judged by: maps and pictures at SIDE x SIDE, masks of that size or less."""

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


def read_painted(workspace: Path, count: int) -> list[Category]:
    """Painted images of the categories of a workspace, in the unit of its maps of the test images."""
    folder = MapsFolder(workspace / "maps")
    data = read_dataset(sources.noted_data([folder.path]))
    detectors, found = MapDetectors(workspace / "models", ANY_ENGINE), []
    for name in notes.done_categories(folder.path):
        given = map_source.read_source(folder.path, data.category(name))
        scale = free_category.scale_of(given)
        model, normals = free_category.painted_on(given, detectors)
        with tempfile.TemporaryDirectory() as place:
            drawn = validation.painted_images(normals, model.frame.image_size, count, 0, Path(place))
            pictures, masks = zip(*drawn, strict=True)
            maps = [scale.apply(arrays.resize_scores(one.scores, SIDE, SIDE)) for one in model.score_as_new(pictures)]
        found.append(Category(maps, [grey(one.pixels) for one in pictures], list(masks)))
    return found


def grey(image: arrays.Bytes) -> Floats:
    """Squeezed, 0 to 1."""
    interpolation = cv2.INTER_AREA if min(image.shape[:2]) > SIDE else cv2.INTER_LINEAR
    small = cv2.resize(image, (SIDE, SIDE), interpolation=interpolation)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)


def guided(radius: int, smooth: float = 0.001) -> Variant:
    """The map as a locally linear function of the picture."""
    return lambda scores, picture: free.guided(scores, picture, radius, smooth)


def closing(radius: int) -> Variant:
    """Gaps that are narrower than a disc are closed."""
    return lambda scores, _: free.closed(scores, radius)


def opening(radius: int) -> Variant:
    """Spots that are narrower than a disc are removed."""
    return lambda scores, _: -free.closed(-scores, radius)


def filled(scores: Floats, _: Floats) -> Floats:
    """What is enclosed gets the lowest score of the way out."""
    return free.filled(scores)


def sharpened(sigma: float, strength: float) -> Variant:
    """What a blur would take away is added."""
    return lambda scores, _: scores + np.float32(strength) * (scores - cv2.GaussianBlur(scores, (0, 0), sigma))


def contrasted(sigma: float, strength: float) -> Variant:
    """High scores count more where the picture differs from what is around it."""
    return lambda scores, picture: free.contrasted(scores, picture, sigma, strength)


def chain(*parts: Variant) -> Variant:
    """One after the other."""

    def apply(scores: Floats, picture: Floats) -> Floats:
        for part in parts:
            scores = part(scores, picture)
        return scores

    return apply


def all_of(near: float, contrast: float, close: int, follow: int) -> Variant:
    """What `adtool refine --method free` does."""
    return chain(contrasted(near, contrast), closing(close), filled, guided(follow))


VARIANTS: dict[str, Variant] = {
    "as they are": lambda scores, _: scores,
    **{f"guided {r} px, {e}": guided(r, e) for r in (2, 4, 8, 16) for e in (0.0001, 0.001, 0.01)},
    **{f"closing {r} px": closing(r) for r in (2, 4, 8)},
    **{f"opening {r} px": opening(r) for r in (2, 4)},
    "filled": filled,
    "filled, guided 4 px": chain(filled, guided(4)),
    "filled, guided 6 px": chain(filled, guided(6)),
    **{f"sharpened {s} px, {a}": sharpened(s, a) for s in (4.0, 8.0, 16.0) for a in (1.0, 3.0)},
    "sharpened 8 px, 1, guided 4 px": chain(sharpened(8.0, 1.0), guided(4)),
    **{f"contrast {s} px, {a}": contrasted(s, a) for s in (4.0, 8.0, 16.0) for a in (0.3, 1.0)},
    "contrast 8 px, 0.3, guided 4 px": chain(contrasted(8.0, 0.3), guided(4)),
    **{
        f"contrast {s} px, {a}, closing {c} px, filled": chain(contrasted(s, a), closing(c), filled)
        for s, a, c in (
            (8.0, 0.3, 2), (8.0, 0.3, 4), (8.0, 0.3, 6), (8.0, 0.3, 8), (8.0, 0.6, 4), (8.0, 0.6, 6),
            (5.0, 0.3, 4), (5.0, 0.6, 6), (12.0, 0.3, 6),
        )
    },
    **{
        f"all: contrast {s} px, {a}, closing {c} px, filled, guided {g} px": all_of(s, a, c, g)
        for s, a, c, g in (
            (8.0, 0.3, 4, 4), (8.0, 0.3, 6, 4), (5.0, 0.6, 6, 4), (5.0, 0.6, 6, 6), (5.0, 0.6, 8, 4), (5.0, 1.0, 6, 4),
            (5.0, 1.0, 8, 4), (3.0, 0.6, 6, 4), (3.0, 1.0, 6, 4), (4.0, 0.6, 6, 4), (4.0, 1.0, 8, 4), (2.0, 0.6, 6, 4),
            (2.0, 1.0, 6, 4), (3.0, 0.6, 8, 4), (3.0, 0.6, 6, 5),
        )
    },
    **{
        f"twice: contrast {s} px, {a}, and 3 px, {b}, closing {c} px, filled, guided 4 px": chain(
            contrasted(s, a), all_of(3.0, b, c, 4)
        )
        for s, a, b, c in ((8.0, 0.3, 0.6, 6), (8.0, 0.3, 0.3, 6), (16.0, 0.3, 0.6, 6))
    },
}  # fmt: skip


def judged(category: Category, variant: Variant) -> tuple[float, float]:
    """Pixel AP and AUPRO."""
    trials = zip(category.maps, category.pictures, category.masks, strict=True)
    pixels = Pixels.of((sized(variant(scores, picture), mask), mask) for scores, picture, mask in trials)
    return average_precision(pixels.rankings()), aupro(pixels)


def sized(scores: Floats, mask: Bools) -> Floats:
    """A map at the size at which painted ones are compared, where its mask has that."""
    return scores if scores.shape == mask.shape else blending.small(scores)


def main(workspaces: Sequence[Path], most: int, only: str, painted: int) -> None:
    """Print the table."""
    sets = [read_painted(workspace, painted) if painted else read(workspace, most) for workspace in workspaces]
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
    parser.add_argument("--painted", type=int, default=0)
    given = parser.parse_args()
    main(given.workspaces, given.most, given.only, given.painted)
