"""The colours of a category's maps: one scale for all pictures of it, wherever they are drawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Floats
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.steps import notes
from adtool_runtime.drawing import FULL_HEAT
from adtool_runtime.drawing import ColourScale as ColourScale

LOOKED_AT = 40  # maps that the colours are chosen by
HIGHEST = 0.95  # quantile of the image scores

Item = TypeVar("Item")


def of_category(folder: MapsFolder, category: str) -> ColourScale:
    """The colours of a finished category of maps, by its limit.

    Raises:
        MissingInputError: the maps are not there.
        BadDataError: one is damaged.
    """
    place = folder.path / category
    scores = {row["id"]: float(row["image_score"]) for row in folder.image_rows(category)}
    limit = limit_file.read(place).value
    return of_maps(folder, category, scores, limit, same_unit=notes.result_of(place).same_unit)


def of_maps(
    folder: MapsFolder, category: str, image_scores: Mapping[str, float], limit: float | None, *, same_unit: bool
) -> ColourScale:
    """The colours of some maps, whatever made them.

    Args:
        folder: where they lie.
        category: of them.
        image_scores: by the id of each image that has a map.
        limit: the image score above which an image is rejected.
        same_unit: whether the image scores are in the unit of the maps.
    """
    ids = sorted(image_scores)

    def scores_of(key: str) -> Floats:
        return arrays.read_scores(folder.scores(category, key)).scores

    return scale_of(ids, scores_of, [image_scores[key] for key in ids] if same_unit else None, limit)


def scale_of(
    items: Sequence[Item],
    scores_of: Callable[[Item], Floats],
    image_scores: Sequence[float] | None,
    limit: float | None,
) -> ColourScale:
    """Colours for the maps of a category: no heat at the middle of an ordinary map, full heat at the highest scores.

    Args:
        items: images that have a map.
        scores_of: reads the map of one.
        image_scores: of the same images; None if they are in another unit than the maps, as those of refined maps are
            that kept the scores they were given. The maps speak for themselves then.
        limit: the image score above which an image is rejected; it is never drawn as full heat.
    """
    maps = [scores_of(one) for one in items[:: max(1, len(items) // LOOKED_AT)]]
    low = float(np.median([np.median(one) for one in maps]))
    if image_scores is None:
        return ColourScale(low, float(np.quantile([arrays.image_score(one) for one in maps], HIGHEST)))
    # An image may be more unusual than its brightest pixel looks: for that place, or as a whole.
    brightest = float(np.quantile([one.max() for one in maps], HIGHEST))
    high = min(float(np.quantile(image_scores, HIGHEST)), brightest)
    return ColourScale(low, high if limit is None else max(high, low + FULL_HEAT * (limit - low)))
