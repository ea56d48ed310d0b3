"""Whether borders score higher than the middle: `python examples/results/border.py DATA:CATEGORY ...`.

Random crops of normal images show the same kind of thing at every place. patchcore learns crops of two thirds of the
images, and scores crops of the others; printed is the mean score in the outer 6 % over that of the middle half, for the
defaults, without the border's own factors, and with zeros beyond the border.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.detection import scoring, store
from adtool.detection.normal_images import NormalImages
from adtool.detectors import patchcore
from adtool.maps.config import MapsConfig

MOST, OF_IMAGE, SEED = 90, 0.6, 0
OUTER = 0.06


def crops(samples: Sequence[Sample], folder: Path) -> list[Sample]:
    """One crop of each image, from anywhere in it, as a file."""
    found = []
    for number, one in enumerate(samples):
        image = arrays.read_image(one.image, one.reading)
        rng = np.random.default_rng([SEED, number])
        height, width = (int(OF_IMAGE * side) for side in image.shape[:2])
        top, left = (
            int(rng.integers(0, side - own + 1)) for side, own in zip(image.shape[:2], (height, width), strict=True)
        )
        path = folder / f"{number}.png"
        arrays.write_png(path, np.ascontiguousarray(image[top : top + height, left : left + width]))
        found.append(Sample(one.category, path.stem, "train", "good", path))
    return found


def ratio(maps: np.ndarray) -> float:
    """Mean of the outer part over that of the middle half, of the mean map."""
    mean = maps.mean(axis=0)
    edge, quarter = round(OUTER * mean.shape[0]), mean.shape[0] // 4
    outer = np.ones(mean.shape, bool)
    outer[edge:-edge, edge:-edge] = False
    return float(mean[outer].mean() / mean[quarter:-quarter, quarter:-quarter].mean())


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    print(
        "| set | default | without the border's factors | zeros beyond the border, without factors |\n|---|---|---|---|"
    )
    for argument in arguments:
        data, name = argument.split(":")
        train = list(read_dataset(Path(data)).category(name).train)
        chosen = [train[i] for i in np.random.default_rng(SEED).permutation(len(train))[:MOST]]
        cells = []
        with tempfile.TemporaryDirectory() as folder:
            pieces = crops(chosen, Path(folder))
            known = 2 * len(pieces) // 3
            for padding in ("replicate", "zeros"):
                settings = patchcore.Settings(padding=padding)
                frame = store.prepare("patchcore", settings, MapsConfig(data=Path(data))).frame
                opened = scoring.fit(
                    patchcore, NormalImages(pieces[:known], frame, ModelFolder(Path(folder)), []), settings
                )
                model = opened.model
                bare = patchcore.Model(
                    replace(model.memory, borders=None), settings, None, replace(model.pooled, borders=None)
                )
                both = (model, bare) if padding == "replicate" else (bare,)
                for one in both:
                    scored = replace(opened, model=one).score(pieces[known:])
                    cells.append(ratio(np.stack([each.scores for each in scored])))
        print(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
