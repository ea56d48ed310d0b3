"""What is put into an export: the detector, and the classes if they are asked for."""

from dataclasses import dataclass

from adtool.core import files
from adtool.core.errors import UsageError
from adtool.core.layout import ClassesFolder
from adtool.detection import store
from adtool.detection.contract import Exportable
from adtool.detection.scoring import OpenedModel
from adtool.export import classes as exported_classes
from adtool.export import refining
from adtool.export.classes import ExportedClasses
from adtool.export.config import ExportConfig
from adtool.export.graphs import Extra
from adtool.export.refining import ExportedRefiner
from adtool.export.sources import Source
from adtool.nn.options import EngineChoice


@dataclass(frozen=True)
class Parts:
    """What an export of a category is made of.

    Attributes:
        opened: the detector's model.
        model: the same, of which a graph can be made.
        refiner: of its maps, if they shall be refined.
        classes: that pictures are given, if they shall.
    """

    opened: OpenedModel
    model: Exportable
    refiner: ExportedRefiner | None = None
    classes: ExportedClasses | None = None

    @property
    def extras(self) -> list[Extra]:
        """What the graph has besides the detector."""
        own = [] if self.refiner is None or self.refiner.extra is None else [self.refiner.extra]
        return own if self.classes is None else [*own, self.classes]


def find(config: ExportConfig, source: Source) -> Parts:
    """What is exported of a category.

    Raises:
        UsageError: something can't be exported.
        MissingInputError: something is not there.
        BadDataError: parts were made anew since, and don't fit each other.
    """
    chosen = engine(config)
    opened = store.open_model(source.model, chosen)
    model = _exportable(opened, source)
    refiner = refining.find(source, opened, chosen) if config.with_refine else None
    if not config.with_classes:
        return Parts(opened, model, refiner)
    folder = config.classes_folder / source.category
    found = exported_classes.find(folder, source.note, opened.frame, chosen, config.unknown)
    return Parts(opened, model, refiner, found)


def inputs(config: ExportConfig, source: Source) -> dict[str, str]:
    """What else decides an export than its maps: the classes, as a fingerprint."""
    if not config.with_classes:
        return {}
    folder = ClassesFolder(config.classes_folder / source.category)
    return {"classes": files.fingerprint((one.name, one) for one in (folder.card, folder.model) if one.exists())}


def engine(config: ExportConfig) -> EngineChoice:
    """What gives adtool's own answers: on the CPU, where the export runs and its graph is traced."""
    if config.device not in ("auto", "cpu"):
        raise UsageError(f"--device {config.device}: an export is made on the CPU. Leave it out.")
    return EngineChoice(config.weights, config.engine, "cpu")


def _exportable(opened: OpenedModel, source: Source) -> Exportable:
    """The model, if a graph can be made of it.

    Raises:
        UsageError: it can't.
    """
    model = opened.model
    if not isinstance(model, Exportable):
        raise UsageError(f"{source.folder}: {source.detector} can't be exported: it has no `grid` and `map_rule`.")
    return model
