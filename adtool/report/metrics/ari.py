"""How often two images are rightly put together or apart: Rand index, adjusted for chance."""

from sklearn.metrics import adjusted_rand_score

from adtool.report.classes import LabelledClasses

LEVEL = "classes"
DEFINITION = "all kinds incl. normal, without combined; adjusted for chance"
MEANING = "Agreement of classes and kinds, corrected for chance. 1 is perfect, 0 is chance."


def compute(images: LabelledClasses) -> float:
    """ARI of kinds and classes; chance is 0, the best is 1.

    Raises:
        UndefinedError: there are not two kinds to tell apart.
    """
    images.require_kinds()
    return float(adjusted_rand_score(images.kinds, images.classes))
