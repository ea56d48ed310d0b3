"""Share of images in the right class, each class standing for the kind that suits best."""

from adtool.report.classes import LabelledClasses

LEVEL = "classes"
DEFINITION = "all kinds incl. normal, without combined; micro F1 = accuracy after Hungarian matching"
MEANING = "Share of parts whose class is the one that belongs to their kind."


def compute(images: LabelledClasses) -> float:
    """Micro F1 after one-to-one matching, which is the accuracy, as in AnomalyNCD's tables.

    Images in a class without a kind (more classes than kinds, or the class `unknown`) are wrong, and so
    are those of a kind without a class.

    Raises:
        UndefinedError: there is no image with a known kind.
    """
    images.require_images()
    return float(images.is_right.mean())
