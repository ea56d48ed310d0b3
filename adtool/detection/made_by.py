"""What made maps: the detector's own ones, where they were refined, and the model that it ran with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adtool.core import layout
from adtool.core.errors import MissingInputError
from adtool.core.layout import ModelFolder
from adtool.core.steps import notes, step_run
from adtool.detection import origin
from adtool.detection.contract import compares

MAPS, REFINE = "maps", "refine"  # commands that make maps


@dataclass(frozen=True)
class Purpose:
    """What the model is looked for, in words.

    Attributes:
        nothing: there is where a detector keeps no model; ends a sentence.
        instead: what else may be done then, given the detector's name; ends with a comma or is empty.
        cannot: what can't be done where the model is gone.
        remedy: what to do about that.
    """

    nothing: str
    instead: Callable[[str], str]
    cannot: str
    remedy: str


def given(maps: Path, command: str) -> Path:
    """The folder of the detector's own maps, of maps that a command made."""
    return (step_run.noted_path(maps, "maps") or Path(layout.MAPS)) if command == REFINE else maps


def model_of(maps: Path, category: str, models: Path | None, purpose: Purpose) -> ModelFolder:
    """The model that made a detector's own maps.

    Args:
        maps: their folder.
        category: of them.
        models: folder of models; None for the one that the maps name.
        purpose: that it is looked for.

    Raises:
        MissingInputError: there are no such maps, their detector keeps no model, or it is gone.
    """
    name = notes.require_done(maps / category, "adtool maps").settings.detector
    if name and compares(name):
        raise MissingInputError(
            f"{maps / category} was made with {name}, which compares images with each other and keeps no model, so "
            f"{purpose.nothing}. {purpose.instead(name)} a detector that learns from normal images: `adtool maps "
            "--detector patchcore`."
        )
    found = origin.of_maps(maps, category, models or step_run.noted_path(maps, "models") or Path(layout.MODELS))
    if found.model is None:
        raise MissingInputError(
            f"The detector of {maps / category} can't be {purpose.cannot}: {found.reason}. {purpose.remedy}"
        )
    return found.model
