"""How well scores rank defect pixels above normal ones: area under the ROC curve."""

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import auroc

LEVEL = "pixel"
DEFINITION = "all test pixels of the category pooled; rank statistic; ties count half"
MEANING = "How often a defect pixel scores higher than a good one. 1 is perfect, 0.5 is guessing."


def compute(pixels: Pixels) -> float:
    """AUROC of the pixels; chance is 0.5. Large regions dominate it, unlike AUPRO.

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    return auroc(pixels.rankings())
