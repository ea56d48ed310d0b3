"""How pure the highest scores are: average precision of the defect pixels."""

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision

LEVEL = "pixel"
DEFINITION = "all test pixels of the category pooled; average precision; step-wise, not interpolated"


def compute(pixels: Pixels) -> float:
    """Average precision of the pixels; chance is the share of defect pixels.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return average_precision(pixels.rankings())
