"""How exactly networks compute: in half precision on CUDA, in full elsewhere; maps of both are not mixed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from adtool.core.steps import notes
from adtool.nn import backbone
from adtool.nn import device as machine

SETTING, HALF = "precision", "half"


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
    is_half = machine.pick(device).type == "cuda" and engine != backbone.FULL
    return {SETTING: HALF} if is_half else {}
