"""How well image scores rank defect images above normal ones: area under the ROC curve."""

from adtool.metrics.ranking import ImageScores, auroc

LEVEL = "image"
DEFINITION = "rank statistic; ties count half"
MEANING = "How often a defective part scores higher than a good one. 1 is perfect, 0.5 is guessing."


def compute(images: ImageScores) -> float:
    """AUROC of the image scores; chance is 0.5.

    Raises:
        UndefinedError: there are no defect images, or no normal ones.
    """
    return auroc(images.ranking)
