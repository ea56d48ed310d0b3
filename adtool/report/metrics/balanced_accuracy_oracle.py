"""Balanced accuracy at the limit that the labels say is best."""

from adtool.metrics.ranking import ImageScores, balanced_accuracy_max

LEVEL = "image"
DEFINITION = "largest balanced accuracy of all limits; the limit is chosen with test labels"
MEANING = "The balanced accuracy that the best of all limits would reach, chosen with the labels."


def compute(images: ImageScores) -> float:
    """Largest balanced accuracy of the image scores, at least 0.5.

    Raises:
        UndefinedError: there are no defect images, or no normal ones.
    """
    return balanced_accuracy_max(images.ranking)
