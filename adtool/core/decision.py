"""OK or NOK: what a limit decides, in one place, so that what is no number is decided nowhere."""

import math
from collections.abc import Sequence

import numpy as np

from adtool.core import layout
from adtool.core.errors import BadDataError


def threshold(normal_scores: Sequence[float], false_alarms: float) -> float | None:
    """The image score that the asked share of held-out normal images exceeds; None without any."""
    if not normal_scores:
        return None
    if not np.isfinite(normal_scores).all():
        raise BadDataError("An image score of a held-out normal image is NaN or infinite. Make the model again.")
    return float(np.quantile(normal_scores, 1 - false_alarms, method="higher"))


def decision(score: float, limit: float | None) -> str:
    """OK or NOK, empty without a limit.

    Raises:
        BadDataError: one of them is NaN or infinite. Every comparison with NaN is false, which would be OK.
    """
    if not math.isfinite(score) or not math.isfinite(limit or 0):
        raise BadDataError(f"The image score {score} against the limit {limit} decides nothing.")
    return "" if limit is None else layout.NOT_OK if score > limit else layout.OK
