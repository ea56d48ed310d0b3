"""What the class of a region tells about its kind: normalised mutual information."""

from adtool.report.classes import LabelledClasses
from adtool.report.metrics import nmi

LEVEL = "regions"
DEFINITION = (
    "regions found, each of the kind of the mask that it touches, else normal; divided by the arithmetic mean of the "
    "entropies"
)
MEANING = "How much the classes of regions say about the kinds of the marks they lie on. 1 is everything, 0 is nothing."


def compute(regions: LabelledClasses) -> float:
    """NMI of kinds and classes of regions, in [0, 1]; one class for all regions gives 0.

    Raises:
        UndefinedError: there are not two kinds to tell apart.
    """
    return nmi.compute(regions)
