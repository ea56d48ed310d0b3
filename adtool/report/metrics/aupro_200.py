"""AUPRO as published codes sample it, at 200 thresholds: for comparison with their tables alone."""

from adtool.metrics.aupro import MAX_FPR, sampled_aupro
from adtool.metrics.pixels import Pixels

THRESHOLDS = 200  # of the codes of Dinomaly, GLAD, HVQ-Trans and CostFilter-AD

LEVEL = "pixel"
DEFINITION = (
    f"sampled, to compare with published tables: 8-connected regions, {THRESHOLDS} thresholds evenly from lowest to "
    f"highest score, those with FPR below {MAX_FPR}, their FPR stretched to 1"
)
MEANING = "aupro as most published codes sample it, at 200 thresholds: less than there is where a map has high peaks."


def compute(pixels: Pixels) -> float:
    """AUPRO at `THRESHOLDS` thresholds.

    Raises:
        UndefinedError: there are no defect pixels, no normal ones, or no two thresholds below the limit.
    """
    return sampled_aupro(pixels, THRESHOLDS)
