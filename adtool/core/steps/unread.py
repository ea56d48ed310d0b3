"""Pictures that were given and have no map, as the last lines of steps say it, whenever they are asked.

They could not be read, or the detector gave them no finite scores.
"""

from collections.abc import Sequence

from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.steps.note_form import NotedResult
from adtool.core.words import counted, first_few, none_of

SHOWN = 3  # pictures named


def sentence(maps: NotedResult) -> str:
    """`1 of 35 pictures could not be read: test/hole/000`, and who got no finite scores; empty where all have a map.

    Args:
        maps: what the note of a category of maps says.
    """
    skipped = [one for one in maps.skipped if one not in set(maps.not_finite)]
    read = _sentence(maps, [*skipped, *maps.left_out], "could not be read")
    scored = _sentence(maps, maps.not_finite, "got NaN or infinite scores from the detector")
    return "; ".join(filter(None, [read, scored]))


def of_category(name: str, maps: NotedResult) -> list[str]:
    """The same as a line of a category; none where all have a map."""
    return [f"{name}: {said}"] if (said := sentence(maps)) else []


def none_left(count: int, noun: str, which: str, not_finite: int, detector: str) -> BadDataError | MissingInputError:
    """The error where no image has a map.

    Args:
        count: how many there are.
        noun: what they are, in the singular.
        which: of them, as in `of bottle`.
        not_finite: how many of them got NaN or infinite scores.
        detector: which gave them.
    """
    if not not_finite:
        return MissingInputError(none_of(count, noun, which, "could be read") + ".")
    images = f"{counted(count, noun)} {which}"
    of = f"all {images}" if not_finite == count else f"{not_finite} of the {images}, and the others could not be read"
    return BadDataError(f"The detector '{detector}' gives NaN or infinite scores for {of}.")


def _sentence(maps: NotedResult, names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    whole = (maps.images or 0) + len(maps.skipped) + len(maps.left_out)
    return f"{len(names):,} of {counted(whole, 'picture')} {what}: {first_few(names, SHOWN)}"
