"""What the defects of a class look like, in plain words: "small dark spots, anywhere".

The regions and the maps are wider than the defects, so size and shape are measured on what, within the map's peak,
differs most from its surroundings in brightness. Where that hardly stands out nothing is said, and of a class only what
most of its clear members have. On kinds with masks 19 of 20 such words are right (examples/results/README.md).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, progress
from adtool.core.arrays import Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.layout import NORMAL_CLASS
from adtool.discover import whereabouts
from adtool.discover.whereabouts import Place
from adtool_runtime import parallel

SIDE = 512  # pixels of the longer side that suffice
SMOOTH = 0.7 / 256  # sigma of the blur, of the longer side
AROUND = 0.06  # of the longer side: how far the surroundings reach
CLEAR = 3.0  # times the surroundings' spread
SMALL = 0.006  # of the picture
LONG, ROUND = 3.0, 2.0  # ratio of the axes
LEAST_PIXELS = 6
FEWEST, SHARE, AGREED = 4, 0.5, 0.7  # clear members of a class, their share, and the share of them that have a word

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """What a defect that stands out looks like.

    Attributes:
        is_dark: whether it is darker than what is around it; else it is brighter.
        share: of the picture.
        ratio: of the longer axis of its largest piece to the shorter one.
    """

    is_dark: bool
    share: float
    ratio: float

    @property
    def words(self) -> set[str]:
        """What is said of it."""
        found = {"dark" if self.is_dark else "bright"}
        if self.share < SMALL:
            found.add("small")
        if self.ratio >= LONG:
            found.add("lines")
        elif self.ratio < ROUND:
            found.add("spots")
        return found


def look_at(image: Bytes, scores: Floats) -> Look | None:
    """The defect at the peak of a map; None where nothing stands out there.

    Args:
        image: (H, W, 3).
        scores: (h, w) of its map.
    """
    grey = _grey(image)
    height, width = grey.shape
    longer = max(height, width)
    peak = _peak(arrays.resize_scores(scores, height, width))
    reach = max(3, round(AROUND * longer)) | 1
    near = cv2.dilate(peak.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool) & ~peak
    if not near.any():
        return None
    level = float(np.median(grey[near]))
    spread = 1.4826 * float(np.median(np.abs(grey[near] - level))) + 1  # of a normal distribution; one grey level more
    apart = grey - level
    low, high = np.quantile(apart[peak], [0.02, 0.98])
    is_dark = bool(-low >= high)
    most = float(-low if is_dark else high)
    if most < CLEAR * spread:
        return None
    mask = peak & ((-apart if is_dark else apart) >= max(most / 2, 2 * spread))
    return Look(is_dark, float(mask.mean()), _ratio(mask)) if mask.sum() >= LEAST_PIXELS else None


def _grey(image: Bytes) -> Floats:
    """Brightness, of a large picture a smaller one, a little blurred."""
    longer = max(image.shape[:2])
    if longer > SIDE:
        size = [max(1, round(side * SIDE / longer)) for side in image.shape[1::-1]]
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    plain = image.astype(np.float32).mean(axis=2)
    return np.asarray(cv2.GaussianBlur(plain, (0, 0), SMOOTH * max(plain.shape)), np.float32)


def _peak(scores: Floats) -> Mask:
    """What hangs together above the middle between median and maximum, around the maximum."""
    middle = (float(np.median(scores)) + float(scores.max())) / 2
    _, labels = cv2.connectedComponents((scores >= middle).astype(np.uint8), connectivity=8)
    found: Mask = labels == labels[np.unravel_index(scores.argmax(), scores.shape)]
    return found


def _ratio(mask: Mask) -> float:
    """Of the axes of the largest piece."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    places = np.stack(np.nonzero(labels == largest))
    minor, major = np.linalg.eigvalsh(np.cov(places, ddof=0) + np.eye(2) / 12)  # a pixel is a square
    return float(np.sqrt(major / minor))


def of_classes(
    samples: Sequence[Sample], scores_of: Callable[[Sample], Floats], labels: NDArray[np.int64], names: Sequence[str]
) -> dict[int, str]:
    """What the defects of each class but the normal one look like, and where they lie.

    Args:
        samples: N images.
        scores_of: their maps.
        labels: (N,) their classes.
        names: of the classes.
    """
    odd = [place for place, label in enumerate(labels) if names[label] != NORMAL_CLASS]

    def look(place: int) -> tuple[Look | None, Place]:
        one = samples[place]
        scores = scores_of(one)
        return look_at(arrays.read_image(one.image, one.reading), scores), whereabouts.of_map(scores)

    members: dict[int, list[tuple[Look | None, Place]]] = {}
    for place, found in progress.track(parallel.prefetch(odd, look), "looks", len(odd)):
        members.setdefault(int(labels[place]), []).append(found)
    return {label: together(found) for label, found in members.items()}


def together(members: Sequence[tuple[Look | None, Place]]) -> str:
    """What the defects of a class look like, and where they lie; that they lie anywhere, only of what has a look."""
    look, where = in_words([one for one, _ in members]), whereabouts.in_words([place for _, place in members])
    return ", ".join(one for one in (look, where) if one and (look or where != whereabouts.ANYWHERE))


def in_words(members: Sequence[Look | None]) -> str:
    """What the defects of a class look like, from its members; empty where they say too little, or differ."""
    clear = [one for one in members if one is not None]
    if len(clear) < max(FEWEST, SHARE * len(members)):
        return ""
    common = _common(one.words for one in clear)
    if not common:
        return ""
    noun = next((one for one in ("lines", "spots") if one in common), "marks")
    return " ".join([*(one for one in ("small", "dark", "bright") if one in common), noun])


def _common(words: Iterable[set[str]]) -> set[str]:
    """Those that enough of some sets hold."""
    sets = list(words)
    return {one for one in set().union(*sets) if sum(one in each for each in sets) >= AGREED * len(sets)}
