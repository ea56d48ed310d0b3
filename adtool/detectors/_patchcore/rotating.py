"""Normal images turned around, so that parts are known however they lie (AnomalyDINO)."""

import logging
from collections.abc import Iterator

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bytes, UnreadableImageError
from adtool.detection.contract import NormalImages, SeenImage
from adtool.nn.feature_reader import Picture

log = logging.getLogger("adtool")


def seen(normals: NormalImages, turns: int) -> Iterator[SeenImage]:
    """What is seen of the images in all turns but the first, which leaves them as they are."""
    if turns > 1:
        log.info("Each normal image is seen in %d turns.", turns)
        yield from normals.frame.see(_turned(normals, turns))


def _turned(normals: NormalImages, turns: int) -> Iterator[Picture]:
    for one in normals.samples:
        try:
            image = arrays.read_image(one.image, one.reading)
        except UnreadableImageError:
            continue  # said when it was seen as it is
        for turn in range(1, turns):
            yield Picture(one, turned(image, 360 * turn / turns))


def turned(image: Bytes, degrees: float) -> Bytes:
    """An image turned about its middle, at its size; what was beyond its border has the nearest colour."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
