"""models: what is stored of the detectors and filters, and which maps need it.

Reads   models/, and the maps of the workspace
Removes models/<detector>/<category>/ and models/<detector>/_kept/<category>/<hash>/, where asked
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import layout
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.steps import kept_models, locks, notes, workspace_paths
from adtool.core.steps.note_form import NotedSettings, StepNote
from adtool.core.steps.step_run import Outcome
from adtool.core.words import counted
from adtool.detection import origin
from adtool.models.config import ListModelsConfig, RemoveModelsConfig

MEGABYTE = 1e6
SHOWN = 5  # names in a message
MAKES = "fit "  # the command that a model notes begins so


@dataclass
class StoredModel:
    """A stored model.

    Attributes:
        name: its path below the folder of models.
        folder: where it lies.
        note: its `_step.json`.
        used_by: folders of maps of the workspace that need it.
    """

    name: str
    folder: ModelFolder
    note: StepNote
    used_by: list[str] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether it is finished."""
        return self.note.state == notes.DONE

    @property
    def megabytes(self) -> float:
        """Its size on disk."""
        return sum(path.stat().st_size for path in self.folder.path.rglob("*") if path.is_file()) / MEGABYTE

    def row(self) -> dict[str, object]:
        """Its line of the table."""
        settings = self.note.settings
        return {
            "name": self.name,
            "detector": self.folder.detector,
            "category": self.folder.category,
            "backbone": settings.backbone or "-",
            "image size": _seen(settings),
            "made": (self.note.noted.time or "-")[:10],
            "MB": round(self.megabytes, 2),
            "state": ("kept" if self.folder.is_kept else "newest") if self.is_done else "not finished",
            "used by": ", ".join(self.used_by) or "-",
        }


def _seen(settings: NotedSettings) -> object:
    """At which size images are seen, or tiles of them."""
    side = settings.image_size or "-"
    if settings.centre_crop:
        return f"middle {settings.centre_crop} of {side}"
    return f"{side}, tiles of {settings.tile}" if settings.tile else side


def list_(config: ListModelsConfig) -> Outcome:
    """Every stored model, and the maps of this workspace that need it."""
    outcome = Outcome("models list", config.models)
    found = _stored(config.models)
    outcome.rows = [one.row() for one in found]
    if not found:
        outcome.notes.append(f"No models in {config.models}.")
    return outcome


def remove(config: RemoveModelsConfig) -> Outcome:
    """Remove some models.

    Raises:
        UsageError: nothing is named, or maps need what is named and `force` is not set.
        MissingInputError: there is no such model.
        BadDataError: nobody knows what some maps need, as their note is damaged.
        LockedError: one is being made.
    """
    if bool(config.names) == config.unused:
        raise UsageError("Name the models to remove, or give --unused alone. `adtool models list` shows them.")
    chosen = _chosen(config)
    outcome = Outcome("models remove", config.models)
    with ExitStack() as held:
        for detector in dict.fromkeys(config.models / one.folder.detector for one in chosen):
            held.enter_context(locks.writing(detector))
        for one in chosen:
            outcome.rows.append({"removed": one.name, "MB": round(one.megabytes, 1), "was used by": _used(one)})
            _remove(one)
            outcome.done.append(one.name)
    freed = sum(float(str(row["MB"])) for row in outcome.rows)
    if config.unused:
        outcome.notes.append(
            f"Unused is what no maps in {Path.cwd()} need; maps that lie elsewhere are not known here, and can then "
            "neither be judged by refine nor used by inspect."
        )
    outcome.notes.append(f"Removed {counted(len(chosen), 'model')}, {freed:.1f} MB.")
    return outcome


def _chosen(config: RemoveModelsConfig) -> list[StoredModel]:
    """The models that are named, else those that are finished and unused.

    Raises:
        UsageError: maps need one, and `force` is not set.
        MissingInputError: there is none of that name.
    """
    found = {one.name: one for one in _stored(config.models, read=notes.note_of)}
    if unknown := [name for name in config.names if name.strip("/") not in found]:
        listed = ", ".join(list(found)[:SHOWN]) or "none"
        raise MissingInputError(
            f"No model '{unknown[0]}' in {config.models}. There are: {listed}{' ...' if len(found) > SHOWN else ''}."
        )
    names = dict.fromkeys(name.strip("/") for name in config.names)
    chosen = [found[name] for name in names] or [one for one in found.values() if one.is_done and not one.used_by]
    needed = [one for one in chosen if one.used_by]
    if needed and not config.force:
        raise UsageError(
            f"{needed[0].name} is needed by {', '.join(needed[0].used_by)}: without it, these can't be refined "
            "with a judgement, or used by inspect. Add --force to remove it all the same."
        )
    return chosen


def _remove(one: StoredModel) -> None:
    notes.remove_folder(one.folder.path)
    if one.folder.is_kept:
        with suppress(OSError):  # unless others are kept there
            one.folder.path.parent.rmdir()


def _used(one: StoredModel) -> str:
    return ", ".join(one.used_by) or "-"


def _stored(models: Path, read: Callable[[Path], StepNote] = notes.read_note) -> list[StoredModel]:
    """All models of a folder, with the maps that need each.

    Args:
        models: the folder.
        read: reads the notes of maps.
    """
    folders = [one for place in _places(models) for one in (place, *kept_models.of(place))]
    noted = ((folder, notes.read_note(folder)) for folder in folders)
    found = [
        StoredModel(folder.relative_to(models).as_posix(), ModelFolder(folder), note)
        for folder, note in noted
        if note.command.startswith(MAKES) and note.state  # not a detector's own note
    ]
    by_path = {one.folder.path.resolve(): one for one in found}
    for maps, category in _maps(read):
        for model in _needed(maps, category, read(maps / category), models):
            one = by_path.get(model.path.resolve())
            if one is not None and str(maps) not in one.used_by:
                one.used_by.append(str(maps))
    return found


def _places(models: Path) -> Iterator[Path]:
    """Where the newest models lie, also those whose place is empty while others are kept."""
    for detector in sorted(models.iterdir()) if models.is_dir() else ():
        if detector.is_dir():
            above = detector / layout.KEPT
            inside = [*detector.iterdir(), *(above.iterdir() if above.is_dir() else ())]
            names = {sub.name for sub in inside if sub.is_dir() and sub.name not in (layout.KEPT, layout.ADDED)}
            yield from (detector / name for name in sorted(names))


def _maps(read: Callable[[Path], StepNote]) -> Iterator[tuple[Path, str]]:
    """The maps of the workspace, (folder, category), those in a folder of results as well."""
    for path in sorted([*Path().glob(f"*/{layout.STEP_FILE}"), *Path().glob(f"*/*/{layout.STEP_FILE}")]):
        folder = path.parent
        note = read(folder)
        if note.command in ("maps", "refine") and note.categories is not None:
            yield from ((folder, sub.name) for sub in sorted(folder.iterdir()) if (sub / layout.STEP_FILE).exists())


def _needed(maps: Path, category: str, note: StepNote, models: Path) -> Iterator[ModelFolder]:
    """The models of a category of maps, by its note: the detector's, or the filter's."""
    if note.command == "maps":
        found = origin.of_maps(maps, category, models).model
        if found is not None:
            yield found
    if note.result.filter:
        place = ModelFolder(workspace_paths.found(note.result.filter, maps, notes.read_note(maps)))
        yield origin.same(place, note.result.filter_weights) or place
