"""Share of defective parts that are found where 2 % of the good ones are rejected."""

import numpy as np

from adtool.metrics.ranking import ImageScores

LEVEL = "image"  # given the image scores of a category; pixel: Pixels; classes, regions: LabelledClasses
DEFINITION = "defect images above the limit that rejects 2 % of the normal images of the test split"
MEANING = "How many defective parts are found where 2 of 100 good ones are rejected. 1 is all."
REJECTED = 0.02


def compute(images: ImageScores) -> float:
    """Share of the defect images that score above the 98 % quantile of the normal ones.

    Raises:
        UndefinedError: there are no defect images, or no normal ones.
    """
    images.ranking.require_both()
    limit = np.quantile(images.scores[~images.is_defect], 1 - REJECTED, method="higher")
    return float(np.mean(images.scores[images.is_defect] > limit))
