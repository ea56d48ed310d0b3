"""Image, mask, map before and after `adtool refine`, side by side: `before_after.py WORKSPACE OUT.jpg`.

The workspace holds data/, maps/ and refined/. The picture beside this file is of the generated data set.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.layout import MapsFolder
from adtool.core.steps import step_run

SIDE = 128  # of each picture, in pixels
GAP = 4
EACH = 2  # defective images a category


def heat(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    """A map in colours, (SIDE, SIDE, 3); `low` and `high` are the scores of no and of full heat."""
    small = cv2.resize(scores, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    level = np.clip((small - low) / max(high - low, 1e-12), 0, 1)
    return cv2.cvtColor(cv2.applyColorMap((255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def row(sample: Sample, given: tuple[np.ndarray, float, float], refined: tuple[np.ndarray, float, float]) -> np.ndarray:
    """Four pictures beside each other, (SIDE, 4 * SIDE + gaps, 3)."""
    image = cv2.resize(arrays.read_image(sample.image, sample.reading), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if sample.mask:
        mask = cv2.resize(arrays.read_mask(sample.mask).astype(np.uint8) * 255, (SIDE, SIDE))
    pictures = [image, np.repeat(mask[..., None], 3, axis=2), heat(*given), heat(*refined)]
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)][:-1])


def main(workspace: Path, out: Path) -> None:
    """Draw the first defective images of different kinds of every category."""
    noted = workspace / step_run.noted_data(workspace / "maps", None)
    rows = []
    for name, category in read_dataset(noted).categories.items():
        folders = [MapsFolder(workspace / "maps"), MapsFolder(workspace / "refined")]
        ids = {line["id"] for line in folders[1].image_rows(name)}
        maps = [{one: arrays.read_scores(folder.scores(name, one)).scores for one in ids} for folder in folders]
        # One scale for all maps of a category, so that what stays dark is what scores low.
        scales = [np.percentile(np.concatenate([s.ravel() for s in each.values()]), (50, 99.7)) for each in maps]
        defects = [one for one in category.test if one.id in ids and not category.is_normal(one)]
        shown = list({one.kind: one for one in reversed(defects)}.values())[-EACH:]
        for one in shown:
            given, refined = ((each[one.id], *map(float, scale)) for each, scale in zip(maps, scales, strict=True))
            rows.append(row(one, given, refined))
    rows += [np.full_like(rows[0], 255)] * (len(rows) % 2)
    beside = np.full((SIDE, 4 * GAP, 3), 255, np.uint8)
    lines = [np.hstack([rows[i], beside, rows[i + 1]]) for i in range(0, len(rows), 2)]
    gap = np.full((GAP, lines[0].shape[1], 3), 255, np.uint8)
    Image.fromarray(np.vstack([part for line in lines for part in (line, gap)][:-1])).save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
