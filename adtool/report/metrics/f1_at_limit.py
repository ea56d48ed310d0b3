"""F1 of calling images defect, at the limit in force."""

from adtool.metrics import decisions
from adtool.metrics.ranking import ImageScores

LEVEL = "image"
DEFINITION = "F1 of the defect images at the limit in force; image_f1max_oracle is what the best limit would give"
MEANING = "Balance of misses and false alarms that the limit in force reaches."


def compute(images: ImageScores) -> float:
    """F1 at the limit; 0 if it finds nothing.

    Raises:
        UndefinedError: there is no limit, or there are no defect images, or no normal ones.
    """
    counts = decisions.count(images)
    images.ranking.require_both()
    return 2 * counts.found / (counts.found + counts.rejected + counts.defective)
