"""What a class tells about the kind: normalised mutual information of classes and kinds."""

from sklearn.metrics import normalized_mutual_info_score

from adtool.report.classes import LabelledClasses

LEVEL = "classes"
DEFINITION = "all kinds incl. normal, without combined; divided by the arithmetic mean of the entropies"


def compute(images: LabelledClasses) -> float:
    """NMI of kinds and classes, in [0, 1]; one class for all images gives 0.

    Raises:
        UndefinedError: there are not two kinds to tell apart.
    """
    images.require_kinds()
    return float(normalized_mutual_info_score(images.kinds, images.classes))
