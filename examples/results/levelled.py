"""A copy of a data set whose backgrounds have one colour: `python examples/results/levelled.py DATA CATEGORY OUT`.

In some data sets the light or the background goes with the kind (screw's good parts to test lie on a darker ground, the
pills with chips on another tint), so that classes may be found by it. Here each picture is multiplied, channel by
channel, so that the median of its outermost pixels is that of all pictures to learn from. Masks are copied.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample

RIM = 8  # outermost pixels


def ground(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Median of the outermost pixels of (H, W, 3), by channel."""
    is_rim = np.ones(image.shape[:2], bool)
    is_rim[RIM:-RIM, RIM:-RIM] = False
    return np.median(image[is_rim], axis=0)


def main(data: Path, name: str, out: Path) -> None:
    """Write the copy, and print how far the grounds of the kinds were apart."""
    category = dataset_folder.read_dataset(data).category(name)
    shutil.copytree(category.path, out / name)

    def read(one: Sample) -> NDArray[np.uint8]:
        return arrays.read_image(one.image, one.reading)

    level = np.median([ground(read(one)) for one in category.train], axis=0)
    found: dict[str, list[float]] = {}
    for one in (*category.train, *category.test):
        image = read(one)
        own = ground(image)
        found.setdefault(f"{one.split}/{one.kind}", []).append(float(own.mean()))
        levelled = np.clip(image * (level / np.maximum(own, 1)), 0, 255).round().astype(np.uint8)
        place = out / name / one.image.relative_to(category.path)
        place.unlink()
        arrays.write_png(place.with_suffix(".png"), levelled)
    for kind, grounds in found.items():
        print(f"{kind}: ground {np.median(grounds):.0f} (of all to learn from {level.mean():.0f})")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
