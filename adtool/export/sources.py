"""What is exported of each category: its maps with their limit, and the model that made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adtool.core.config import identity_defaults
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.steps import notes
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.step_run import Identity
from adtool.detection import made_by, origin
from adtool.detection.made_by import MAPS, REFINE, Purpose
from adtool.export.config import COMMAND, ExportConfig

EXPORTING = Purpose(
    nothing="there is nothing to export",
    instead=lambda _: "Take",
    cannot="exported",
    remedy="Give --models, or run `adtool maps` again with the same settings.",
)


@dataclass(frozen=True)
class Source:
    """What is exported of one category.

    Attributes:
        category: its name.
        maps: folder of its maps.
        note: of them.
        given: folder of the maps that the detector made: the same, unless they were refined.
        model: of the detector.
        detector: its name.
    """

    category: str
    maps: Path
    note: StepNote
    given: Path
    model: ModelFolder
    detector: str

    @property
    def folder(self) -> Path:
        """Of the category's maps."""
        return self.maps / self.category

    def identity(self, config: ExportConfig, more: Mapping[str, str]) -> Identity:
        """Whatever decides the export; the limit is data in it, and none of that.

        Args:
            config: of the export.
            more: what else is an input: fingerprints by name.
        """
        made = {name: part for name, part in self.note.identity().items() if name != "inputs"}
        settings = {**config.identity(), "maps": made, "model": origin.weights_id(self.model)}
        inputs = {**self.note.inputs, **more}
        return Identity(COMMAND, settings, self.note.seed or 0, inputs, identity_defaults(ExportConfig))


def find(config: ExportConfig) -> dict[str, Source]:
    """What is exported, by category.

    Raises:
        MissingInputError: there are no finished maps, or their model is gone.
    """
    return {name: _source(config, name) for name in _categories(config)}


def _categories(config: ExportConfig) -> list[str]:
    step = REFINE if config.with_refine else MAPS
    there = notes.done_categories(config.maps_folder)
    if not there:
        raise MissingInputError(f"No finished maps at {config.maps_folder}. Run `adtool {step}` first.")
    for name in config.category:
        if name not in there:
            raise MissingInputError(
                f"No finished maps of the category '{name}': {config.maps_folder} has {', '.join(there)}."
            )
    return list(dict.fromkeys(config.category)) or there


def _source(config: ExportConfig, category: str) -> Source:
    maps = config.maps_folder
    note = notes.require_done(maps / category, "adtool refine" if config.with_refine else "adtool maps")
    if config.with_refine != (note.command == REFINE):
        raise UsageError(
            f"{maps / category} was made by `adtool {note.command}`. Give --maps refined for --with-refine, or leave "
            "that out and give --maps maps, the folder of the detector's own maps."
        )
    given = made_by.given(maps, note.command)
    own = notes.require_done(given / category, "adtool maps")
    name = own.settings.detector
    if own.command != MAPS or not name:
        raise MissingInputError(
            f"{given / category} was not made by a detector of adtool (but by `adtool {own.command}`). Give --maps "
            "maps, the folder of the detector's own maps."
        )
    return Source(category, maps, note, given, made_by.model_of(given, category, config.models, EXPORTING), name)
