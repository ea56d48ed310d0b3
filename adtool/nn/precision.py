"""How exactly networks compute: in half precision on CUDA, in full elsewhere; maps of both are not mixed.

A model notes the precision of the features that it learned from, and sees others in that or not at all: its limit is
made from scores in it. What an earlier adtool learned notes none, and is used as it was.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from adtool.core.errors import UsageError
from adtool.core.steps import notes
from adtool.nn import backbone
from adtool.nn.engines import FULL as FULL
from adtool.nn.engines import HALF as HALF
from adtool.nn.options import EngineChoice

SETTING = "precision"
WHERE = f"Half precision is computed in on a GPU alone; full everywhere, there with --engine {backbone.FULL}."


def noted(
    engine: str, device: str, folder: Path, *, force: bool, missing: Callable[[Path], Sequence[Path]] = lambda _: ()
) -> dict[str, str]:
    """What a category's note says of it, beside its settings: nothing of full precision, as all notes did once.

    A finished folder keeps its own, on whatever machine it is looked at: with nothing left to do, nothing is mixed.

    Args:
        engine: as asked for.
        device: as asked for.
        folder: of the category.
        force: whether it is made anew.
        missing: what a finished folder lacks, as in `StepRun`.

    Raises:
        UsageError: no such device here.
    """
    note = notes.read_note(folder)
    if note.state == notes.DONE and not force and not missing(folder):
        return {SETTING: note.settings.precision} if note.settings.precision else {}
    return {SETTING: HALF} if _of(engine, device) == HALF else {}


def hint(different: Iterable[str]) -> str:
    """What to say of settings that differ, if precision is among them."""
    return f" {WHERE}" if any(one.startswith(f"{SETTING}:") for one in different) else ""


def followed(learned: str, chosen: EngineChoice) -> EngineChoice:
    """What runs a network, in the precision that something was learned in where nobody said what shall run it.

    Args:
        learned: that precision, as it is noted; empty if it is not.
        chosen: as asked for.
    """
    follows = learned == FULL and chosen.engine == "auto" and _of(chosen.engine, chosen.device) == HALF
    return replace(chosen, engine=backbone.FULL) if follows else chosen


def as_learned(learned: str, chosen: EngineChoice, what: object) -> EngineChoice:
    """The same, of which it is sure that it is that precision.

    Args:
        learned: that precision, as it is noted; empty if it is not.
        chosen: as asked for.
        what: was learned.

    Raises:
        UsageError: it can't be had here, or something else was asked for.
    """
    found = followed(learned, chosen)
    here = _of(found.engine, found.device)
    if learned in ("", here):
        return found
    if learned == FULL:
        way = f"Give --engine {backbone.FULL}, or none"
    elif learned == HALF:
        way = (
            "Use it on a GPU, learn it again here with --force, or learn it on the GPU with "
            f"--engine {backbone.FULL}: then it can be used everywhere"
        )
    else:
        way = "Learn it again with --force"
    raise UsageError(
        f"{what} was learned in {learned} precision, and this is {here}: its scores would not be those that its limit "
        f"was made from. {way}."
    )


def _of(engine: str, device: str) -> str:
    """The precision that features are computed in."""
    return HALF if backbone.is_half(engine, device) else FULL
