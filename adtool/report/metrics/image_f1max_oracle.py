"""F1 of calling images defect, at the threshold that the labels say is best."""

from adtool.metrics.ranking import ImageScores, f1_max

LEVEL = "image"
DEFINITION = "largest F1 of all thresholds; the threshold is chosen with test labels"
MEANING = "Best balance of misses and false alarms that any limit reaches, chosen with the labels."


def compute(images: ImageScores) -> float:
    """Largest F1 of the image scores.

    Raises:
        UndefinedError: there are no defect images, or no normal ones.
    """
    return f1_max(images.ranking)
