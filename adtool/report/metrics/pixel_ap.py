"""How pure the highest scores are: average precision of the defect pixels."""

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision

LEVEL = "pixel"
DEFINITION = "all test pixels of the category pooled; average precision; step-wise, not interpolated"
MEANING = "How pure the list of pixels is, read from the highest score down. 1 is perfect."


def compute(pixels: Pixels) -> float:
    """Average precision of the pixels; chance is the share of defect pixels.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return average_precision(pixels.rankings())
