"""F1 of marking pixels as defect, at the threshold that the masks say is best."""

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import f1_max

LEVEL = "pixel"
DEFINITION = (
    "all test pixels of the category pooled; largest F1 of all thresholds; the threshold is chosen with test labels"
)
MEANING = "Best overlap of found and marked pixels that any limit reaches, chosen with the labels."


def compute(pixels: Pixels) -> float:
    """Largest F1 of the pixels, one threshold for the whole category.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return f1_max(pixels.rankings())
