"""How much of each defect region is found, averaged over false-positive rates up to 0.3."""

from adtool.metrics.aupro import MAX_FPR as MAX_FPR
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels

LEVEL = "pixel"
DEFINITION = (
    f"8-connected regions, each counts the same; every distinct score is a threshold; "
    f"integrated up to FPR {MAX_FPR} of all normal pixels, divided by {MAX_FPR}"
)
MEANING = "How much of each defect is covered while few good pixels are; small defects count like large ones."


def compute(pixels: Pixels, max_fpr: float = MAX_FPR) -> float:
    """AUPRO of all pixels of a category; chance is half of `max_fpr`.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return aupro(pixels, max_fpr)
