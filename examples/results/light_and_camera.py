"""What light and camera do: `python examples/results/light_and_camera.py [--pictures FOLDER] DATA:CATEGORY ...`.

patchcore with its defaults learns the training images once, as they are, and scores the test images as they are and
with each change. Lengths are pixels of the images as they lie in the folder; what a shift or a turn uncovers is filled
by reflection, and masks move along. Printed is one Markdown table: image AUROC and what is lost of it, pixel figures
(of maps and masks of 256 px) where there are masks, the share of good parts above the limit in force, which the
unchanged normal images set, and in how many categories `inspect` warns, given a category's test images as one batch: of
a drift of the scores of accepted parts, or of images beyond all that was learned from. Each DATA folder is one set, the
mean of its categories; the last rows are the mean of the sets. `--pictures` writes an example of each.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Sample
from adtool.core.limits import choose, evidence
from adtool.core.limits.asked import Asked
from adtool.detection import looks, store
from adtool.detection.contract import Scored, load_plugin
from adtool.inspect import alarms
from adtool.maps.config import MapsConfig
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision
from adtool.nn.feature_reader import Picture
from adtool_runtime.pictures.picture_file import Bytes

DETECTOR = "patchcore"
SIDE = 256  # of maps and masks that are compared
COLUMNS = ("image AUROC", "lost", "pixel AP", "AUPRO", "false alarms", "drift", "looks", "in which way")
Change = Callable[[Bytes], Bytes]


def brightened(factor: float) -> Change:
    """Every pixel times a factor; what would be above white is white."""
    return lambda image: np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)


def compressed(quality: int) -> Change:
    """Written as a JPEG and read again."""

    def change(image: Bytes) -> Bytes:
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])

    return change


def moved(right: float = 0.0, degrees: float = 0.0) -> Change:
    """Shifted, and turned about the middle."""

    def change(image: Bytes) -> Bytes:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        matrix[0, 2] += right
        return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)

    return change


LIGHT: dict[str, Change] = {
    "none": lambda image: image,
    "brightness +20 %": brightened(1.2),
    "brightness -20 %": brightened(0.8),
    "blur of 2 px": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0), dtype=np.uint8),
    "JPEG quality 60": compressed(60),
}
PLACE: dict[str, Change] = {"shift of 8 px": moved(right=8), "rotation of 3°": moved(degrees=3)}
CHANGES = {**LIGHT, **PLACE}


class Measured(NamedTuple):
    """The figures in the order of the columns, and the share of images that are beyond what was learned, by the way."""

    figures: list[float]
    ways: dict[str, float]


def picture(one: Sample, change: str) -> Bytes:
    """The changed image."""
    return CHANGES[change](arrays.read_image(one.image, one.reading))


def mask(one: Sample, category: Category, change: str) -> np.ndarray:
    """The defect pixels of a changed image, (SIDE, SIDE)."""
    if one.mask is None or category.is_normal(one):
        return np.zeros((SIDE, SIDE), dtype=bool)
    grey = category.masks.read(one.mask, one.image).astype(np.uint8) * np.uint8(255)
    grey = PLACE[change](grey) if change in PLACE else grey
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST_EXACT) > 127)


def pixel_figures(scored: list[Scored], category: Category, change: str) -> tuple[float, float]:
    """Pixel AP and AUPRO, NaN without masks."""
    if all(one.mask is None for one in category.test):
        return np.nan, np.nan
    pixels = Pixels.of(
        (arrays.resize_scores(one.scores, SIDE, SIDE), mask(one.sample, category, change)) for one in scored
    )
    return average_precision(pixels.rankings()), aupro(pixels)


def measure(data: Path, name: str, examples: Path | None) -> Iterator[Measured]:
    """Learn a category; figures of its test images with each change, in the order of the columns."""
    category = read_dataset(data).category(name)
    chosen = store.prepare(DETECTOR, load_plugin(DETECTOR).Settings(), MapsConfig(data=data))
    with tempfile.TemporaryDirectory() as models:
        opened = store.fit_or_load(chosen, category, Path(models), force=False)
        folder = store.folder_of(DETECTOR, name, Path(models))
        known, usual = evidence.of_model(folder, name), looks.read(folder)
    limit = choose.choose(known, Asked()).value
    assert limit is not None and usual is not None
    unchanged = np.nan
    for change in CHANGES:
        seen = [looks.look(picture(one, change)) for one in category.test]
        scored = list(opened.score(Picture(one, picture(one, change)) for one in category.test))
        odd = np.array([not category.is_normal(one.sample) for one in scored])
        scores = np.array([one.image_score for one in scored])
        auroc = float(roc_auc_score(odd, scores))
        unchanged = auroc if change == "none" else unchanged
        drift = alarms.drift(scores[scores <= limit].tolist(), known.normal_scores, limit)
        warned = usual.changes(seen)
        false_alarms = float(np.mean(scores[~odd] > limit))
        figures = [auroc, unchanged - auroc, *pixel_figures(scored, category, change), false_alarms]
        yield Measured(
            [*figures, float(drift is not None), float(bool(warned))],
            {one.how: len(one.pictures) / len(seen) for one in warned},
        )
        if examples:
            write(examples / f"{name}, {change}.png", category, change)


def write(path: Path, category: Category, change: str) -> None:
    """The first image with a mask (or defect), outlined."""
    one = next((one for one in category.test if one.mask), category.test[0])
    image = cv2.resize(picture(one, change), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lines, _ = cv2.findContours(mask(one, category, change).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    arrays.write_png(path, np.asarray(cv2.drawContours(image, lines, -1, (255, 0, 0), 1), dtype=np.uint8))


def rows(name: str, figures: np.ndarray, ways: list[str]) -> None:
    """Print the rows of a set, (changes, columns)."""
    for change, row, way in zip(CHANGES, figures, ways, strict=True):
        cells = ["-" if np.isnan(one) else f"{one:+.3f}" if i == 1 else f"{one:.3f}" for i, one in enumerate(row[:4])]
        shares = [f"{one:.0%}" for one in row[4:]]
        print("|", " | ".join([name, change, *cells, *shares, way]), "|", flush=True)


def main(arguments: list[str]) -> None:
    """Print the table."""
    examples = None
    if arguments[0] == "--pictures":
        examples, arguments = Path(arguments[1]), arguments[2:]
    print("|", " | ".join(["set", "change", *COLUMNS]), "|\n|" + "---|" * (2 + len(COLUMNS)))
    sets: dict[str, list[str]] = {}
    for data, _, name in (one.rpartition(":") for one in arguments):
        sets.setdefault(data, []).append(name)
    means = []
    for data, names in sets.items():
        found = [list(measure(Path(data), name, examples)) for name in names]
        means.append(np.mean([[one.figures for one in each] for each in found], axis=0))
        ways = [{how for one in same for how in one.ways} for same in zip(*found, strict=True)]
        rows(", ".join(names), means[-1], [", ".join(sorted(each)) or "-" for each in ways])
    rows("mean", np.nanmean(means, axis=0), [""] * len(CHANGES))


if __name__ == "__main__":
    main(sys.argv[1:])
