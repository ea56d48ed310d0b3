"""Which stored model made some maps: the one that they name, in its place or kept, else one of the same settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import files, layout
from adtool.core.layout import ModelFolder
from adtool.core.steps import kept_models, notes, workspace_paths
from adtool.core.steps.note_form import NotedModel, NotedResult, StepNote

DIGITS = 16  # of the hash of a model's weights
# Settings of maps that their detector has not, or not in the same words; `limit` in those of earlier versions.
OF_MAPS = ("added", "max_images", "limit", "precision")


@dataclass(frozen=True)
class MapsOrigin:
    """Where maps come from.

    Attributes:
        model: the detector's, if it is there to be run again.
        seed: by which it divided the normal images.
        reason: why it is not, empty if it is.
        asked: the settings that the model was made with.
    """

    model: ModelFolder | None
    seed: int
    reason: str
    asked: Mapping[str, object] = field(default_factory=dict)

    @property
    def held_out(self) -> float | None:
        """The share of the normal images that was asked to be held out, None if none was."""
        return held_out(self.asked)


def held_out(settings: Mapping[str, object]) -> float | None:
    """The share of the normal images that settings of maps or of a model ask to be held out, None if they don't."""
    share = settings.get("held_out")
    return float(share) if isinstance(share, int | float) else None


def weights_id(model: ModelFolder) -> str:
    """What tells a model from all others, empty if it has no weights of its own."""
    return files.sha256(model.weights)[:DIGITS] if model.weights.is_file() else ""


def noted(model: ModelFolder, out: Path) -> dict[str, object]:
    """What the result of a category of maps in `out` says of the model that made it."""
    which = weights_id(model)
    if not which:
        return {}
    return NotedResult(made_by=NotedModel(model=workspace_paths.noted(model.path, out), weights=which)).as_json()


def places(detector: Path, category: str) -> Iterator[Path]:
    """Wherever a model of a category may lie, or one of all categories; the newest of each first.

    Args:
        detector: the folder of its models.
        category: its name.
    """
    for name in (category, layout.ALL_CATEGORIES):
        yield detector / name
        yield from kept_models.of(detector / name)


def same(place: ModelFolder, which: str) -> ModelFolder | None:
    """The model of some weights that lay at a place: still there, or kept; None if it is gone."""
    for one in (place.path, *kept_models.of(place.path)):
        if which and weights_id(ModelFolder(one)) == which:
            return ModelFolder(one)
    return None


def of_maps(maps: Path, category: str, models: Path) -> MapsOrigin:
    """Find the detector that made the maps of a category."""
    note = notes.read_note(maps / category)
    seed, name = note.seed or 0, note.settings.detector
    if note.command != "maps" or not name:
        return MapsOrigin(None, seed, "the maps were not made by adtool")
    asked = _without(note.all_settings)
    finished = _finished(models / name, category)
    alike = [one for one, made in finished.items() if asked == _without(made.all_settings) and made.seed == seed]
    which = note.result.made_by.weights if note.result.made_by else ""
    for one in dict.fromkeys((*alike, *finished)) if which else ():  # the likeliest first: weights are long to read
        if weights_id(ModelFolder(one)) == which:
            return MapsOrigin(ModelFolder(one), seed, "", asked)
    if alike:
        return MapsOrigin(ModelFolder(alike[0]), seed, "", asked)
    if finished:
        were = "was" if len(finished) == 1 else "were"
        listed = " and ".join(map(str, finished))
        return MapsOrigin(None, seed, f"{listed} {were} made with other settings than the maps", asked)
    return MapsOrigin(None, seed, f"there is no model of {name} in {models} to run again", asked)


def _without(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings without those that maps and their model need not have in common."""
    return {key: value for key, value in settings.items() if key not in OF_MAPS}


def _finished(detector: Path, category: str) -> dict[Path, StepNote]:
    """The notes of all finished models of a category by their folders."""
    found = {one: notes.read_note(one) for one in places(detector, category)}
    return {one: note for one, note in found.items() if note.state == notes.DONE}
