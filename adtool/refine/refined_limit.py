"""The limit of refined maps: that of the given ones where the image scores are theirs, else one of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

from adtool.core.arrays import Floats
from adtool.core.limits import evidence, keeping, limit_file
from adtool.core.limits.asked import Asked
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.limits.keeping import AskedBefore
from adtool.core.limits.limit_file import Limit
from adtool.core.map_source import MapSource
from adtool.core.steps import notes
from adtool.refine.validation import PAINTED, ValidationSet

COMMAND = "refine"


def known(
    seen: ValidationSet,
    mix: Callable[[Floats, Floats], Floats],
    image_score: Callable[[Floats, float], float],
    given: MapSource,
) -> Evidence:
    """What the image scores of refined maps are on normal images that were held out, clean and painted.

    Args:
        seen: both maps of these images.
        mix: makes the refined map of the given one and the filter's.
        image_score: of a refined map, of which a share is looked at.
        given: the maps that were refined; what are near duplicates is known of them.
    """
    groups = {one.id: one.group for one in evidence.read(given.folder).normals}

    def normals() -> Iterator[NormalScore]:
        for one in seen.clean:
            score = image_score(mix(one.given, one.probability), one.share)
            yield NormalScore(one.id, score, groups.get(one.id, one.id))

    def painted() -> Iterator[PaintedScore]:
        for one in seen.trials:
            if one.mask.any():
                score = image_score(mix(one.given, one.probability), one.share)
                yield PaintedScore(one.id, PAINTED, float(one.mask.mean()), score)

    return Evidence(list(normals()), list(painted()), evidence.HELD_OUT)


def of_new(given: MapSource, folder: Path, asked: Asked, before: AskedBefore, *, has_given_scores: bool) -> Limit:
    """The limit of maps that were refined now.

    Args:
        given: the maps that were refined.
        folder: of the refined ones.
        asked: of the limit.
        before: what was asked for on refined maps that were there already.
        has_given_scores: whether the image scores are those of the given maps.
    """
    if not asked and not before.told:
        if has_given_scores:
            return _taken_over(given)
        before = keeping.asked_before(given.folder, is_same=False)
    return keeping.for_new_maps(folder, evidence.read(folder), asked, COMMAND, before)


def of_done(given: MapSource, folder: Path, asked: Asked) -> Limit:
    """The limit of maps that were refined before; it follows that of the given maps unless it has one of its own.

    Raises:
        MissingInputError: what is asked for can't be had.
    """
    now, theirs = limit_file.read(folder), _taken_over(given)
    is_own = now.was_asked or notes.result_of(folder).image_scores != limit_file.GIVEN
    if asked or is_own:
        return keeping.for_done_maps(folder, asked, COMMAND)
    return now if _chosen(now) == _chosen(theirs) else theirs


def _taken_over(given: MapSource) -> Limit:
    return limit_file.read(given.folder).model_copy(update={"follows": limit_file.GIVEN})


def _chosen(limit: Limit) -> tuple[float | None, str, float | None]:
    return limit.value, limit.rule, limit.asked
