"""AUPRO: how much of each defect region is found, averaged over low false-positive rates."""

import numpy as np

from adtool.metrics.pixels import Pixels

MAX_FPR = 0.3  # integration limit of the MVTec AD benchmark (Bergmann et al., IJCV 2021)


def aupro(pixels: Pixels, max_fpr: float = MAX_FPR) -> float:
    """Area under the per-region-overlap curve left of `max_fpr`, divided by `max_fpr`.

    It is the mean over regions of the partial area under the ROC curve of that region against all
    normal pixels, so no curve over all pixels has to be built. A perfect map gives 1, a constant one
    `max_fpr` / 2. Pixels with equal scores count as if in random order: a straight piece of the curve.

    Most published codes sample 200 thresholds evenly between lowest and highest score, which loses most
    of the curve of a heavy-tailed map; the CFA code also stretches the curve to [0, 1], which
    rewards maps that find nothing. We do neither.

    Args:
        pixels: all pixels of a category.
        max_fpr: integration limit, in (0, 1].

    Raises:
        UndefinedError: there are no defect pixels, or no normal ones.
    """
    total = np.zeros(pixels.n_regions)
    for place, ranking in pixels.parts():
        ranking.require_both()
        # A region pixel is found from FPR `start` on, and with it its ties by `end`.
        start, end = ranking.above / ranking.n_normals, ranking.at_least / ranking.n_normals
        reached = np.clip(max_fpr - start, 0, end - start)  # part of the ramp before the limit
        ramp = reached**2 / (2 * np.where(end > start, end - start, 1))
        area = ramp + np.maximum(max_fpr - end, 0)  # (S,) per distinct score of the defects
        per_pixel = np.repeat(area, ranking.defects)  # (P,)
        total += np.bincount(pixels.regions[place], per_pixel, minlength=pixels.n_regions)
    return float((total / pixels.areas_px).mean()) / max_fpr
