"""The tree that MVTec's evaluation code reads: `<category>/test/<kind>/<image>.tiff`, as large as the image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adtool.convert.trees import Maps, Written, tail
from adtool.core import arrays, layout
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Category

SOURCE = layout.MAPS
SUFFIXES = (".tiff", ".tif")


def write(source: Path, category: Category, out: Path) -> Written:
    """Write the maps of a category as float32 TIFF files.

    MVTec's code wants a map of its image's size, so maps of another size are resized: bilinear, just as
    `adtool report` does it, so that no metric at the size of the masks changes.
    """
    maps = Maps.of(source, category)
    for sample, scores in maps.each("TIFF maps of"):
        resized = arrays.resize_scores(scores, *arrays.image_size(sample.image, sample.reading))
        target = out / category.name / layout.TEST / f"{tail(sample)}.tiff"
        arrays.write_scores(target, resized, maps.image_scores[sample.id])
    return Written(len(maps.samples), maps.card())


def read(path: Path, card: Mapping[str, Any]) -> Floats:
    """The scores (H, W) of one file."""
    return arrays.read_scores(path).scores
