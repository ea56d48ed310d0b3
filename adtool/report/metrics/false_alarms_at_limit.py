"""Share of the normal images that the limit in force rejects; less is better."""

from adtool.metrics import decisions
from adtool.metrics.ranking import ImageScores

LEVEL = "image"
LESS_IS_BETTER = True
DEFINITION = "normal images above the limit in force / all normal images; less is better"
MEANING = "Share of good parts that the limit rejects. 0 is none, so less is better."


def compute(images: ImageScores) -> float:
    """False-positive rate at the limit.

    Raises:
        UndefinedError: there is no limit, or no normal image.
    """
    return decisions.count(images).share_rejected
