"""Share of the defect images that the limit in force rejects."""

from adtool.metrics import decisions
from adtool.metrics.ranking import ImageScores

LEVEL = "image"
DEFINITION = "defect images above the limit in force / all defect images"
MEANING = "Share of defective parts that the limit finds. 1 is all of them."


def compute(images: ImageScores) -> float:
    """Recall at the limit.

    Raises:
        UndefinedError: there is no limit, or no defect image.
    """
    return decisions.count(images).share_found
