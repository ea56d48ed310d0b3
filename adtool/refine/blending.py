"""How much of the filtered map goes into the refined one, decided on painted defects; never on test labels.

A mix is given map + weight * filtered map, the given one in units of what it says of clean parts, the filtered one as
a probability. The weight 0 is the given map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Floats
from adtool.core.steps.note_form import NotedBlend
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores, auroc, average_precision
from adtool_runtime.refining.mixing import PLAIN, USUAL_SIDE, Finish, Mixture, ScoreScale

WEIGHTS = (0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
ENOUGH = 0.9  # of the best gain: the least weight that reaches it is taken, as painted defects flatter the filter
SIDE = 128  # maps are compared at this size
SEEN = 0.25  # share of a small pixel that must be defect, so that thin ones stay
CLEAN = (50, 99)  # percentiles of a clean map's scores that become 0 and 1


@dataclass(frozen=True)
class BlendRule:
    """What decides between the given and the refined maps.

    Attributes:
        keep: `auto`, `always` or `never`: whether the refined maps are taken.
        image_score: `given` or `refined`: which image scores go with them.
        seed: of the painted defects that are judged by.
        weight: of the filtered map beside the given one as it is; 0: decided on painted defects.
        finish: of the mixed maps.
    """

    keep: str
    image_score: str
    seed: int
    weight: float = 0.0
    finish: Finish = PLAIN


def score_rule(finish: Finish) -> str:
    """How image scores come about, in words."""
    if not finish.top:
        return arrays.IMAGE_SCORE_RULE
    return f"mean of the highest {finish.top} pixels of a map of {USUAL_SIDE} px, in proportion"


def scale_of(clean: Sequence[Floats]) -> ScoreScale:
    """Measured on maps of clean images."""
    zero, one = np.percentile(np.concatenate([scores.ravel() for scores in clean]), CLEAN)
    return ScoreScale(float(zero), float(one))


AS_IT_IS = ScoreScale(0.0, 1.0)


@dataclass(frozen=True)
class BlendFigures:
    """Of one kind of maps on the painted images; None where there is nothing to tell apart."""

    pixel_ap: float
    aupro: float
    image_auroc: float | None


@dataclass(frozen=True)
class BlendChoice:
    """What was decided for a category.

    Attributes:
        mixture: of the maps.
        given: figures of the given maps.
        best: figures of the mix that is best by the rule above, whether taken or not.
        best_weight: its weight.
    """

    mixture: Mixture
    given: BlendFigures
    best: BlendFigures
    best_weight: float


@dataclass(frozen=True)
class PaintedTrial:
    """One painted image with its two maps.

    Attributes:
        given: (H, W) the detector's map.
        probability: (h, w) the filter's, of any size.
        mask: (H', W') painted pixels, or what is left of them at the size at which maps are compared.
        id: of the image.
        share: of the image that is looked at.
    """

    given: Floats
    probability: Floats
    mask: Bools
    id: str = ""
    share: float = 1.0


def judge(
    trials: Sequence[PaintedTrial], clean: Sequence[Floats], weight: float = 0.0, finish: Finish = PLAIN
) -> BlendChoice:
    """Choose the mix that is best on painted images, none if no mix beats the given maps.

    Args:
        trials: painted and clean images.
        clean: given maps of clean images, for their scale.
        weight: the only one that is tried, of given maps as they are; 0 to choose one.
        finish: of the mixed maps.

    Raises:
        UndefinedError: no painted image shows a defect.
    """
    scale = AS_IT_IS if weight else scale_of(clean)
    truth = PaintedTruth([covered(trial.mask) for trial in trials])
    given = [small(trial.given) for trial in trials]
    filtered = [small(trial.probability) for trial in trials]
    before = truth.figures(given)
    tried = {}
    for one in (weight,) if weight else WEIGHTS:
        tried[one] = truth.figures(list(map(Mixture(scale, one, finish).of, given, filtered)))
    taken = least_weight(before, tried)
    best = tried[taken]
    return BlendChoice(Mixture(scale, taken if wins(before, best) else 0.0, finish), before, best, taken)


def least_weight(before: BlendFigures, tried: Mapping[float, BlendFigures], enough: float = ENOUGH) -> float:
    """The least weight that reaches a share of the best gain; the best one where none gains.

    Args:
        before: figures of the given maps.
        tried: figures of the mixes by their weights, which rise.
        enough: the share.
    """
    gains = {weight: _worth(figures) - _worth(before) for weight, figures in tried.items()}
    most = max(gains.values())
    return next(weight for weight, gain in gains.items() if gain >= min(most, enough * most))


def wins(before: BlendFigures, after: BlendFigures) -> bool:
    """Whether a mix is better than the given maps."""
    return after.pixel_ap > before.pixel_ap and after.aupro >= before.aupro


def insisted(verdict: BlendChoice) -> BlendChoice:
    """The best mix, although the given maps are better."""
    return replace(verdict, mixture=replace(verdict.mixture, weight=verdict.best_weight))


def _worth(figures: BlendFigures) -> float:
    return figures.pixel_ap + figures.aupro


def small(scores: Floats) -> Floats:
    """A map at the size at which maps are compared, (H, W) -> (SIDE, SIDE)."""
    interpolation = cv2.INTER_AREA if min(scores.shape) > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(scores, (SIDE, SIDE), interpolation=interpolation), dtype=np.float32)


def covered(mask: Bools) -> Bools:
    """Which pixels are defect at the size at which maps are compared, (H, W) -> (SIDE, SIDE); again: the same."""
    return small(mask.astype(np.float32)) > SEEN


class PaintedTruth:
    """The masks, for several kinds of maps.

    Args:
        masks: N of (H, W), each as large as its maps.
    """

    def __init__(self, masks: Sequence[Bools]) -> None:
        self.masks = masks
        self.images = np.array([mask.any() for mask in masks], dtype=bool)

    def figures(self, maps: Sequence[Floats]) -> BlendFigures:
        """Figures of maps, in the order of the masks, measured as in the report.

        Raises:
            UndefinedError: no mask shows a defect, or nothing else.
        """
        pixels = Pixels.of(zip(maps, self.masks, strict=True))
        images = ImageScores(np.array([arrays.image_score(one) for one in maps]), self.images)
        both = 0 < np.count_nonzero(self.images) < len(self.images)
        return BlendFigures(average_precision(pixels.ranking), aupro(pixels), auroc(images.ranking) if both else None)


def noted_mixture(noted: NotedBlend) -> Mixture | None:
    """The mixture that a note tells of; None where a part of it is missing."""
    scale = noted.scale
    if scale is None or noted.weight is None or not {"zero", "one"} <= scale.keys():
        return None
    finish = Finish(noted.blur_given, noted.blur_mixed, noted.top)
    return Mixture(ScoreScale(scale["zero"], scale["one"]), noted.weight, finish)
