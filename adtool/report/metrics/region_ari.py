"""How often two regions are rightly put together or apart: Rand index, adjusted for chance."""

from adtool.report.classes import LabelledClasses
from adtool.report.metrics import ari

LEVEL = "regions"
DEFINITION = "regions found, each of the kind of the mask that it touches, else normal; adjusted for chance"
MEANING = "Agreement of the classes of regions and the kinds of the marks they lie on. 1 is perfect, 0 is chance."


def compute(regions: LabelledClasses) -> float:
    """ARI of kinds and classes of regions; chance is 0, the best is 1.

    Raises:
        UndefinedError: there are not two kinds to tell apart.
    """
    return ari.compute(regions)
