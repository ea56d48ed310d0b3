"""What is stored of a workspace: from the classes back to their maps, their limit, the filter and the detector."""

import logging
from dataclasses import dataclass
from pathlib import Path

from adtool.core import files, layout
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder, ModelFolder
from adtool.core.limits import evidence, keeping, limit_file
from adtool.core.limits.choose import choose
from adtool.core.limits.evidence import Evidence
from adtool.core.map_source import choose_maps
from adtool.core.steps import notes, step_run
from adtool.core.steps.identity import same_origin
from adtool.core.steps.note_form import NotedResult, StepNote
from adtool.detection import made_by
from adtool.detection.made_by import MAPS, REFINE, Purpose
from adtool.discover import predict
from adtool.discover.predict import StoredClasses
from adtool.inspect.config import InspectConfig

LOOKING = Purpose(
    nothing="there is nothing to look at new images with",
    instead=lambda name: f"Put them beside the others and run `adtool maps --detector {name}` on all, or take",
    cannot="run again",
    remedy="Give --models, or run `adtool maps` again with the same settings.",
)

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Chain:
    """What the new images go through.

    Attributes:
        category: what they show.
        maps: folder of the maps whose way they go.
        note: of those maps.
        given: folder of the maps that the detector made: the same, unless they were refined.
        model: of the detector.
        classes: that were found, if they were.
        limit: the image score above which an image is not OK; None without one.
        normal_scores: image scores of normal images.
    """

    category: str
    maps: Path
    note: StepNote
    given: Path
    model: ModelFolder
    classes: StoredClasses | None
    limit: float | None
    normal_scores: list[float]

    @property
    def result(self) -> NotedResult:
        """What the maps note of themselves."""
        return self.note.result

    @property
    def map_limit(self) -> float | None:
        """The limit where it is in the unit of the maps, None without one."""
        return self.limit if self.result.same_unit else None

    @property
    def is_refined(self) -> bool:
        """Whether a filter made the maps."""
        return self.note.command == REFINE

    def identity(self) -> dict[str, object]:
        """Whatever changes a map."""
        return {
            "category": self.category,
            "maps": {name: part for name, part in self.note.identity().items() if name != "inputs"},
            "model": files.sha256(self.model.weights),
        }


def find(config: InspectConfig) -> Chain:
    """Find everything that is needed.

    Raises:
        MissingInputError: something is not there.
        BadDataError: parts were made anew since, and don't fit each other.
    """
    classes = _classes_folder(config)
    maps = config.maps or _maps_folder(classes)
    category = _category(config, classes, maps)
    note = notes.require_done(maps / category, "adtool maps")
    if note.command not in (MAPS, REFINE):
        raise MissingInputError(
            f"{maps / category} was not made by adtool (but by `{note.command}`), so there is no detector that "
            "could look at new images. Make their maps in the same way, and use adtool discover on all of them."
        )
    given = made_by.given(maps, note.command)
    model = made_by.model_of(given, category, config.models, LOOKING)
    found = None
    if classes is not None and notes.is_done(classes / category):
        found = predict.read(ClassesFolder(classes / category))
        _check_maps(found, note, maps / category)
    else:
        log.warning("There are no classes of %s, so images get none. Run `adtool discover` for that.", category)
    known = evidence.read(maps / category)
    limit = _limit(config, maps / category, known)
    return Chain(category, maps, note, given, model, found, limit, known.normal_scores)


def _limit(config: InspectConfig, folder: Path, known: Evidence) -> float | None:
    """The limit that is asked for, else the one of the maps.

    Raises:
        MissingInputError: what is asked for can't be had.
    """
    if config.asked():
        return keeping.require(choose(known, config.asked()), folder).value
    return limit_file.read(folder).value


def _classes_folder(config: InspectConfig) -> Path | None:
    folder = config.classes or Path(layout.CLASSES)
    if notes.done_categories(folder):
        return folder
    if config.classes is not None:
        raise MissingInputError(f"No finished classes at {folder} (--classes). Run `adtool discover` first.")
    return None


def _maps_folder(classes: Path | None) -> Path:
    noted = step_run.noted_path(classes, "maps") if classes is not None else None
    return noted or choose_maps(None)


def _category(config: InspectConfig, classes: Path | None, maps: Path) -> str:
    """The category asked for, else the only one."""
    names = notes.done_categories(maps if classes is None or config.category else classes)
    if config.category is not None:
        if config.category not in names:
            there = f"has {', '.join(names)}" if names else "has none"
            raise MissingInputError(f"No finished maps of the category '{config.category}': {maps} {there}.")
        return config.category
    if not names:
        raise MissingInputError(f"No finished maps at {maps}. Run `adtool maps` first; it learns from normal images.")
    if len(names) > 1:
        raise MissingInputError(f"Several categories are known: {', '.join(names)}. Choose one with --category.")
    return names[0]


def _check_maps(found: StoredClasses, note: StepNote, maps: Path) -> None:
    """Refuse classes that were made from other maps than those that are there now."""
    if not same_origin(found.card.maps, note.identity()):
        raise BadDataError(
            f"{found.folder.path} was not made from the maps that are at {maps} now. "
            "Give --maps, or run `adtool discover --force`."
        )
