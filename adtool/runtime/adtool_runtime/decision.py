"""OK or NOK: what a limit decides, in one place, so that what is no number is decided nowhere."""

import math

from adtool_runtime.errors import BadDataError

OK, NOT_OK = "OK", "NOK"


def decision(score: float, limit: float | None) -> str:
    """OK or NOK, empty without a limit.

    Raises:
        BadDataError: one of them is NaN or infinite. Every comparison with NaN is false, which would be OK.
    """
    if not math.isfinite(score) or not math.isfinite(limit or 0):
        raise BadDataError(f"The image score {score} against the limit {limit} decides nothing.")
    return "" if limit is None else NOT_OK if score > limit else OK
