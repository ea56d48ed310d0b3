"""AUPRO for users who can afford few false alarms: false-positive rates up to 0.05 only."""

from adtool.metrics.pixels import Pixels
from adtool.report.metrics import aupro

NAME = "aupro_0.05"  # a file's name cannot hold a dot
MAX_FPR = 0.05  # limit of the MVTec AD 2 benchmark (Heckler-Kram et al., 2025)

LEVEL = "pixel"
DEFINITION = aupro.DEFINITION.replace(str(aupro.MAX_FPR), str(MAX_FPR))
MEANING = "The same, with very few good pixels marked."


def compute(pixels: Pixels) -> float:
    """AUPRO with the limit `MAX_FPR`; chance is `MAX_FPR` / 2.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return aupro.compute(pixels, MAX_FPR)
