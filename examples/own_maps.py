"""Maps of your own detector, through the rest of adtool: `python examples/own_maps.py WORKSPACE`.

The detector here is the plainest one: how far a pixel is from the mean of the normal images. Put yours in its place.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import adtool
from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.prep.datasets import synthetic
from adtool.report import step as report
from adtool.report.config import ReportConfig

SIDE = 64  # of a map, in pixels: adtool takes maps of any size


def grey(path: Path) -> np.ndarray:
    """An image as a small grey picture, (SIDE, SIDE) float32."""
    image = cv2.cvtColor(arrays.read_image(path), cv2.COLOR_RGB2GRAY)
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def main(workspace: Path) -> None:
    """Make maps of a generated data set, write them, and report on them."""
    data = workspace / "data" / "synthetic"
    synthetic.run(synthetic.Config(out=data, category=("cap", "grille"), train=10, test=2, size=96))
    for name, category in read_dataset(data).categories.items():
        normal = np.stack([grey(sample.image) for sample in category.train])
        mean, spread = normal.mean(axis=0), normal.std(axis=0) + 5
        ids = [sample.id for sample in category.test]
        scores = [cv2.blur(np.abs(grey(s.image) - mean) / spread, (5, 5)) for s in category.test]
        adtool.write_maps(workspace / "maps", name, ids, scores, data=data)
    outcome = report.run(ReportConfig(folders=(workspace / "maps",), data=data, out=workspace / "report"))
    for row in outcome.rows:
        print(row)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("own_maps"))
