"""How pure the highest image scores are: average precision of the defect images."""

from adtool.metrics.ranking import ImageScores, average_precision

LEVEL = "image"
DEFINITION = "average precision; step-wise, not interpolated"
MEANING = "How pure the list of parts is, read from the highest score down. 1 is perfect."


def compute(images: ImageScores) -> float:
    """Average precision of the image scores; chance is the share of defect images.

    Raises:
        UndefinedError: there are no defect images, or no normal ones.
    """
    return average_precision(images.ranking)
