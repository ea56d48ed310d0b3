"""The detectors that made the maps, to be run again: they judge the filter, or rebuild what it matches."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core.errors import AdtoolError
from adtool.core.layout import ModelFolder
from adtool.core.map_source import MapSource
from adtool.detection import origin, scoring
from adtool.detection import store as stored
from adtool.detection.contract import learner
from adtool.detection.frame import Frame
from adtool.detection.origin import MapsOrigin
from adtool.detection.scoring import OpenedModel
from adtool.nn.options import EngineChoice

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class MapDetectors:
    """Opens the detectors of maps.

    Attributes:
        models: folder of the detectors' models.
        engine: what they run on.
        frames: of models that were opened before, by what they were asked for with: models of one kind share a
            backbone, which takes most of the time and memory.
    """

    models: Path
    engine: EngineChoice
    frames: dict[str, Frame] = field(default_factory=dict)

    def origin(self, given: MapSource) -> MapsOrigin:
        """Where the maps of a category come from."""
        return origin.of_maps(given.maps.path, given.category.name, self.models)

    def open(self, folder: ModelFolder) -> OpenedModel:
        """A stored model.

        Raises:
            AdtoolError: it can't be opened.
        """
        # In whatever precision refine computes, which its own note says.
        return stored.open_model(folder, self.engine, as_learned=False)

    def again(self, found: MapsOrigin) -> tuple[OpenedModel | None, str]:
        """The model that made some maps, or why it can't be run."""
        if found.model is None:
            return None, found.reason
        kind = json.dumps([found.seed, found.asked], sort_keys=True)
        try:
            if kind in self.frames:
                return scoring.load(learner(found.model.detector), found.model, self.frames[kind]), ""
            model = self.open(found.model)
            self.frames[kind] = model.frame
            return model, ""
        except AdtoolError as error:
            log.warning("The maps are not judged: %s", error)
            return None, str(error)
