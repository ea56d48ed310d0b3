"""Share of defect images in the right class; normal images, often easy and many, are left out."""

import numpy as np

from adtool.core.layout import NORMAL_CLASS
from adtool.metrics.ranking import UndefinedError
from adtool.report.classes import LabelledClasses

LEVEL = "classes"
DEFINITION = (
    "defect images only, without combined; matching as for f1, over all images; a defect in the class normal is wrong"
)
MEANING = "The same, over defective parts only."


def compute(images: LabelledClasses) -> float:
    """Micro F1 (accuracy) of the defect images under the matching of `f1`.

    The matching includes the normal images, so that a class full of them cannot stand for a defect.

    Raises:
        UndefinedError: there is no defect image.
    """
    if not images.is_defect.any():
        raise UndefinedError("no defect images with a known kind")
    is_found = np.array([name != NORMAL_CLASS for name in images.classes], dtype=bool)
    return float((images.is_right & is_found)[images.is_defect].mean())
