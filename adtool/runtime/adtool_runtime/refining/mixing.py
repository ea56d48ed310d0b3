"""Maps of a detector mixed with those of a filter."""

from dataclasses import dataclass

import cv2
import numpy as np

from adtool_runtime.image_scores import Floats, image_score

USUAL_SIDE = 256  # of maps, that sizes in pixels are said for
UNJUDGED = 0.5  # the weight of a filtered map that nothing was decided about, on ranks


@dataclass(frozen=True)
class Finish:
    """What else becomes of maps that are mixed, and how their image scores come about; by itself nothing.

    Attributes:
        blur_given: sigma that given maps are blurred with before, in pixels of a map of 256 px.
        blur_mixed: the same, of mixed maps.
        top: pixels of a map of 256 px whose mean is its image score; 0 for the usual share.
    """

    blur_given: float = 0.0
    blur_mixed: float = 0.0
    top: int = 0

    def before(self, given: Floats) -> Floats:
        """A given map, (H, W), as it is mixed."""
        return _blurred(given, self.blur_given)

    def after(self, mixed: Floats) -> Floats:
        """A mixed map, (H, W), as it is written."""
        return _blurred(mixed, self.blur_mixed)

    def image_score(self, scores: Floats, share: float = 1.0) -> float:
        """That of a map, (H, W), of which a share is looked at."""
        if not self.top:
            return image_score(scores, 1 / share)
        keep = min(scores.size, max(1, round(self.top * scores.size / USUAL_SIDE**2)))
        return float(np.partition(scores, scores.size - keep, axis=None)[-keep:].mean(dtype=np.float64))


def _blurred(scores: Floats, sigma: float) -> Floats:
    if not sigma:
        return scores
    own = sigma * scores.shape[1] / USUAL_SIDE
    return np.asarray(cv2.GaussianBlur(scores, (0, 0), own, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


PLAIN = Finish()


@dataclass(frozen=True)
class ScoreScale:
    """What a map's scores are on clean parts; mixed maps are in these units.

    Attributes:
        zero: becomes 0.
        one: becomes 1.
    """

    zero: float
    one: float

    def apply(self, scores: Floats) -> Floats:
        """Raw scores in units of clean parts."""
        return np.asarray((scores - self.zero) / max(self.one - self.zero, 1e-12), dtype=np.float32)


@dataclass(frozen=True)
class Mixture:
    """Refined maps of given and filtered ones.

    Attributes:
        scale: of the given maps.
        weight: of the filtered ones, 0 where the given maps are better.
        finish: of both.
    """

    scale: ScoreScale
    weight: float
    finish: Finish = PLAIN

    def of(self, given: Floats, probability: Floats) -> Floats:
        """The refined map; (H, W) twice -> (H, W)."""
        scaled = self.scale.apply(self.finish.before(given))
        return self.finish.after(np.asarray(scaled + np.float32(self.weight) * probability, dtype=np.float32))


def mixed_ranks(given: Floats, probability: Floats, levels: Floats) -> Floats:
    """Half the given map's rank among all its category's scores, half the filtered map.

    Args:
        given: (H, W) raw scores of a detector about which nothing is known.
        probability: (H, W).
        levels: sorted scores of the category's maps, evenly drawn.
    """
    ranks = np.searchsorted(levels, given) / max(1, len(levels))
    return np.asarray((1 - UNJUDGED) * ranks + UNJUDGED * probability, dtype=np.float32)


def probability(odds: Floats, height: int, width: int) -> Floats:
    """A filter's map at a size: (h, w) log-odds -> (height, width), with aligned corners as in training."""
    rows, columns = _weights(odds.shape[0], height), _weights(odds.shape[1], width)
    return np.asarray(1 / (1 + np.exp(-(rows @ odds @ columns.T))), dtype=np.float32)


def _weights(few: int, many: int) -> Floats:
    """(many, few) of a linear interpolation whose ends are the ends of what is interpolated."""
    places = np.linspace(0, few - 1, many) if many > 1 else np.zeros(1)
    before = np.minimum(places.astype(np.int64), max(few - 2, 0))
    share = (places - before).astype(np.float32)
    found = np.zeros((many, few), np.float32)
    found[np.arange(many), before] = 1 - share
    found[np.arange(many), np.minimum(before + 1, few - 1)] += share
    return found
