"""Pictures that were given and could not be read, as the last lines of steps say it, whenever they are asked."""

from adtool.core.steps.note_form import NotedResult
from adtool.core.words import counted, first_few

SHOWN = 3  # pictures named


def sentence(maps: NotedResult) -> str:
    """`1 of 35 pictures could not be read: test/hole/000`; empty where all could.

    Args:
        maps: what the note of a category of maps says.
    """
    names = [*maps.skipped, *maps.left_out]
    if not names:
        return ""
    whole = (maps.images or 0) + len(names)
    return f"{len(names):,} of {counted(whole, 'picture')} could not be read: {first_few(names, SHOWN)}"


def of_category(name: str, maps: NotedResult) -> list[str]:
    """The same as a line of a category; none where all could be read."""
    said = sentence(maps)
    return [f"{name}: {said}"] if said else []
