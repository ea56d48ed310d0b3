"""Share of regions in the right class, each class standing for the kind that suits best."""

from adtool.report.classes import LabelledClasses
from adtool.report.metrics import f1

LEVEL = "regions"
DEFINITION = (
    "regions found, each of the kind of the mask that it touches, else normal; micro F1 = accuracy after Hungarian "
    "matching of their own"
)
MEANING = "Share of the regions found whose class is the one that belongs to the kind of the mark they lie on."


def compute(regions: LabelledClasses) -> float:
    """Micro F1 (accuracy) after one-to-one matching over regions, which may differ from that over images.

    Raises:
        UndefinedError: there is no region.
    """
    return f1.compute(regions)
