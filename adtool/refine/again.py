"""The filter that made refined maps, for new images: where it is, and what it takes of what the detector sees."""

from collections.abc import Callable
from pathlib import Path

from adtool.core.errors import MissingInputError
from adtool.core.layout import ModelFolder
from adtool.core.steps import notes, workspace_paths
from adtool.core.steps.note_form import NotedResult
from adtool.detection import origin, scoring
from adtool.detection.contract import Rebuilding
from adtool.detection.scoring import OpenedModel
from adtool.nn.feature_reader import SeenImage
from adtool.refine import model
from adtool.refine.feature_store import RECONSTRUCTION, ImageFeatures
from adtool.refine.model import Filter


def filter_folder(maps: Path, result: NotedResult) -> ModelFolder:
    """Where the filter of refined maps lies, as their note has it."""
    folder = ModelFolder(workspace_paths.found(result.filter, maps, notes.read_note(maps)))
    return origin.same(folder, result.filter_weights) or folder


def stored_filter(maps: Path, category: str, result: NotedResult) -> Filter:
    """It itself.

    Raises:
        MissingInputError: it is gone.
        BadDataError: it is damaged.
    """
    folder = filter_folder(maps, result)
    if not folder.weights.exists():
        raise MissingInputError(
            f"The filter that made {maps / category} is not at {folder.path} any more. "
            "Run `adtool refine --force`, then `adtool discover --force`."
        )
    return model.load(folder)


def of_detector(
    made: Filter, found: OpenedModel, folder: ModelFolder, category: str
) -> Callable[[SeenImage], ImageFeatures] | None:
    """What the filter takes of what the detector sees; None where it has to see images itself.

    Args:
        made: the filter.
        found: the detector's model.
        folder: of that model.
        category: of the images.
    """
    opened = found.model
    if made.learned_with == RECONSTRUCTION:
        if not isinstance(opened, Rebuilding) or made.detectors.get(category) != origin.weights_id(folder):
            return None
        return lambda seen: ImageFeatures(seen.sample, *scoring.rebuilt(opened, seen))
    places = found.frame.places_of(made.source, made.image_size)
    if places is None or found.frame.backbone.is_half:  # what is matched hangs on the last digits
        return None
    return lambda seen: ImageFeatures(seen.sample, [seen.layers[i] for i in places], [])
