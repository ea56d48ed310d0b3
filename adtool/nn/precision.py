"""How exactly networks compute: in full precision, on CUDA in half of it if asked for; maps of both are not mixed.

Full is the default on CUDA, too, so that what was learned there can be used on a machine without: decoding and writing
bound `maps` there, not the network.

A model notes the precision of the features that it learned from, and sees others in that or not at all: its limit is
made from scores in it. What an earlier adtool learned notes none, and is used as it was.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from adtool.core.errors import UsageError
from adtool.core.steps import notes
from adtool.nn import backbone
from adtool.nn import device as machine
from adtool.nn.engines import FULL as FULL
from adtool.nn.engines import HALF as HALF
from adtool.nn.options import EngineChoice

SETTING = "precision"
WHERE = f"Half precision is computed in on a GPU alone, with --engine {backbone.HALF_ENGINE}; full everywhere."


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
    follows = learned == HALF and chosen.engine == "auto" and machine.pick(chosen.device).type == "cuda"
    return replace(chosen, engine=backbone.HALF_ENGINE) if follows else chosen


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
        way = "Give --engine torch, or none"
    elif learned == HALF:
        way = (
            f"Use it on a GPU with --engine {backbone.HALF_ENGINE}, or learn it again with --force, without that "
            "engine: then it can be used everywhere"
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
