"""What a class tells about the kind: normalised mutual information of classes and kinds."""

from sklearn.metrics import normalized_mutual_info_score

from adtool.report.classes import LabelledClasses

LEVEL = "classes"
DEFINITION = "all kinds incl. normal, without combined; divided by the arithmetic mean of the entropies"
MEANING = "How much the discovered classes say about the true kinds. 1 is everything, 0 is nothing."


def compute(images: LabelledClasses) -> float:
    """NMI of kinds and classes, in [0, 1]; one class for all images gives 0.

    Raises:
        UndefinedError: there are not two kinds to tell apart.
    """
    images.require_kinds()
    return float(normalized_mutual_info_score(images.kinds, images.classes))
