"""Where in the picture the defects of a class lie, in plain words: "mostly near the left edge", "anywhere".

By the peaks of the maps, which are where the defects are; nothing is said where the members lie in no such way.
"""

from collections.abc import Sequence

import numpy as np

from adtool.core.arrays import Floats
from adtool_runtime.classes import spots

Place = tuple[float, float]  # down and to the right, in shares of the picture

EDGE = 0.2  # share of the picture that is near an edge
MOST = 0.7  # share of the members that lie there
FEWEST = 6  # members: of as many, most lie near one of four edges by chance once in 160 times
MANY = 12  # members that tell that they lie anywhere
QUARTER = 0.1  # the least share of them in each quarter of the picture then
ANYWHERE = "anywhere"


def of_map(scores: Floats) -> Place:
    """The middle of what hangs together around a map's maximum; (h, w)."""
    return spots.middle(scores)


def in_words(places: Sequence[Place]) -> str:
    """Where most of some defects lie; empty where that can't be said."""
    if len(places) < FEWEST:
        return ""
    down, right = np.array(places).T
    near = [word for word, is_near in _edges(down, right) if is_near.mean() >= MOST]
    if near:
        return f"mostly in the {' '.join(near)} corner" if len(near) > 1 else f"mostly near the {near[0]} edge"
    quarters = np.bincount(2 * (down >= 0.5) + (right >= 0.5), minlength=4)  # noqa: PLR2004, the middle
    return ANYWHERE if len(places) >= MANY and quarters.min() >= QUARTER * len(places) else ""


def _edges(down: Floats, right: Floats) -> list[tuple[str, np.ndarray]]:
    """Which places are near each edge."""
    return [
        ("upper", down <= EDGE),
        ("lower", down >= 1 - EDGE),
        ("left", right <= EDGE),
        ("right", right >= 1 - EDGE),
    ]
