"""How many decisions are right, good and defective parts counting the same however many of each there are."""

from adtool.metrics import decisions
from adtool.metrics.ranking import ImageScores

LEVEL = "image"
DEFINITION = "mean of the share of defect images found and the share of normal images accepted, at the limit in force"
MEANING = "How often the limit decides rightly, good and defective parts counting the same. 0.5 is guessing."


def compute(images: ImageScores) -> float:
    """Balanced accuracy at the limit; rejecting everything, or nothing, gives 0.5.

    Raises:
        UndefinedError: there is no limit, or there are no defect images, or no normal ones.
    """
    counts = decisions.count(images)
    return (counts.share_found + 1 - counts.share_rejected) / 2
