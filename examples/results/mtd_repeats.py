"""How many of MTD's test images show a tile that was trained on: `python examples/results/mtd_repeats.py WORKSPACE`.

For each test image, the highest correlation with a training image of nearly the same shape, after the light is
taken out and both are brought to 96 x 96 pixels.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample

SIDE = 96
ALIKE, SAME_SHAPE = 0.8, 0.1  # correlation; difference of the logarithms of width / height


def look(sample: Sample) -> tuple[np.ndarray, float]:
    """The image's fine structure, (SIDE * SIDE,) of length 1, and the logarithm of width / height."""
    grey = cv2.cvtColor(arrays.read_image(sample.image, sample.reading), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(grey, (0, 0), 2) - cv2.GaussianBlur(grey, (0, 0), 20)
    small = cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean()
    return small / np.linalg.norm(small), float(np.log(grey.shape[1] / grey.shape[0]))


def main(workspace: Path) -> None:
    """Print, for each kind, the share of test images that a training image repeats."""
    category = read_dataset(workspace / "data").category("MTD")
    trained = [look(sample) for sample in category.train]
    structures, shapes = np.stack([one for one, _ in trained]), np.array([shape for _, shape in trained])
    best: dict[str, list[float]] = {}
    for sample in category.test:
        structure, shape = look(sample)
        alike = np.where(np.abs(shapes - shape) < SAME_SHAPE, structures @ structure, -1)
        best.setdefault(sample.kind, []).append(float(alike.max()))
    for kind, values in best.items():
        print(f"{kind}: {len(values)} images, {np.mean(np.array(values) > ALIKE):.0%} repeat a training image")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
