"""refine: anomaly maps made clean by filtering a matching cost volume (CostFilter-AD).

Reads  maps/<category>/, their data set, models/<detector>/ (to judge the result), models/costfilter/ if it fits
Writes models/costfilter/<category or _all>/ and refined/<category>/
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adtool.core import config as settings_of
from adtool.core import files, layout, map_source, map_types
from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category
from adtool.core.errors import AdtoolError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.map_source import MapSource
from adtool.core.steps import inventory, notes, step_run, workspace_paths
from adtool.core.steps.note_form import NotedBlend
from adtool.core.steps.step_run import Identity, Outcome, StepRun, Work
from adtool.detection import origin
from adtool.nn import families, precision, seeding
from adtool.refine import asked, each_category, extractor, free_step, model, training_set, validation
from adtool.refine.config import FilterSettings, RefineConfig
from adtool.refine.extractor import AskedBackbone
from adtool.refine.feature_store import RECONSTRUCTION, Extractor
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.model import Filter
from adtool.refine.rebuilders import GivenReconstructions
from adtool.refine.refiners import Refiner, TrainedRefiner
from adtool.refine.sharded import DividedRefine, Prepare
from adtool.refine.synthetic_defects import PaintingSettings

NAME = "costfilter"
DEFAULTS = {
    **settings_of.defaults(RefineConfig),
    **settings_of.defaults(FilterSettings),
    **asked.USUAL,
    "padding": families.ZEROS,
}

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class RefineTask:
    """What is to be done, with everything that was read."""

    config: RefineConfig
    settings: FilterSettings
    sources: Mapping[str, MapSource]
    categories: Sequence[Category]
    eyes: Mapping[str, Extractor]
    groups: Mapping[str, tuple[str, ...]]
    painting: PaintingSettings
    detectors: MapDetectors


def run(config: RefineConfig, *, force: bool = False) -> Outcome:
    """Train the filter if none fits, then refine the maps of every category."""
    with map_types.written_as(config.map_type):
        if config.method == each_category.FREE:
            return free_step.run(asked.with_usual(config), force=force)
        return _run(config, force=force)


def _run(config: RefineConfig, *, force: bool) -> Outcome:
    names = each_category.names(config)
    data = dataset_folder.read_dataset(step_run.noted_data(config.maps, config.data))
    sources = {name: map_source.read_source(config.maps, data.category(name)) for name in names}
    preset = asked.preset(config, sources)
    config, settings = asked.with_usual(config, preset), asked.filter_settings(config.settings, preset)
    groups = _groups(names, settings)
    detectors = MapDetectors(config.models, config.engine_choice)
    layers = settings_of.numbers("layers", settings.layers, example="8,16")
    asked_for = AskedBackbone(config.backbone or "", layers, config.image_size)
    seen_by = extractor.choose(asked_for, sources, list(dict.fromkeys(groups.values())), detectors)
    asked.require_reconstructions(settings, preset, seen_by)
    painting = training_set.recipe(settings, config.textures)
    categories = [data.category(name) for name in names]
    task = RefineTask(config, settings, sources, categories, seen_by, groups, painting, detectors)
    identities = {name: _identity(task, name, force=force) for name in names}
    if config.is_divided:
        return DividedRefine(config, sources, identities, data.path, _preparing(task)).run(force=force)
    with StepRun("refine", config.out, force=force, missing=inventory.of_maps) as work:
        todo = work.plan(identities, {"data": data.path, "maps": config.maps})
        for name in todo if config.keep != "never" else ():  # before hours are spent on a filter
            validation.warn_unjudged(sources[name], detectors.origin(sources[name]), seen_by[name])
        prepare = _preparing(task)
        each_category.refine_each(config, sources, work, todo, lambda name: prepare(name, force))
    return work.outcome


def _preparing(task: RefineTask) -> Prepare:
    """What makes the refiner of a category, with a filter that its group shares."""
    filters: dict[str, Filter | AdtoolError] = {}
    rule = asked.rule(task.config, task.settings)

    def prepare(name: str, anew: bool) -> Refiner:  # noqa: FBT001, as `Prepare` has it
        made = _filter(task, task.groups[name], filters, force=anew)
        stored = _folder(task, task.groups[name])
        place, which = workspace_paths.noted(stored.path, task.config.out), origin.weights_id(stored)
        noted = NotedBlend(filter=place, filter_weights=which).as_json()
        return TrainedRefiner(made, task.eyes[name], rule, task.detectors, noted)

    return prepare


def _seen_by(task: RefineTask, name: str) -> dict[str, object]:
    eye = task.eyes[name]
    source = eye.backbone.source
    seen = {
        **{name: value for name, value in task.config.identity().items() if name not in RefineConfig.NOT_OF_FILTER},
        **task.settings.identity(),
        "backbone": source.name,
        "backbone_weights": source.weights_id,
        "layers": source.layers,
        "image_size": eye.image_size,
        **families.noted_padding(replicates=source.replicates),
        **task.sources[name].category.reading.identity(),
    }
    return seen | {"templates": eye.templates} if eye.rebuilder else seen  # of normal images their number


def _identity(task: RefineTask, name: str, *, force: bool) -> Identity:
    config = task.config
    settings = _seen_by(task, name) | config.identity() | {"judged": task.settings.judged, **asked.mixed(task.settings)}
    settings |= {"filter": sorted(task.groups[name]), **map_types.noted(config.map_type)}
    del settings["method"]  # as ever, where nobody asked for the other one
    settings |= {"image_score": settings.pop("image_score")}  # last, as ever: cards of classes quote it, and are hashed
    settings |= precision.noted(config.engine, config.device, config.out / name, force=force, missing=inventory.of_maps)
    inputs = {"images": task.sources[name].category.fingerprint(), "maps": task.sources[name].fingerprint()}
    if config.model is not None:
        inputs["model"] = files.fingerprint([("weights", _given_model(config).weights)])
    return Identity(
        "refine",
        settings,
        config.seed,
        inputs | _detectors(task, [name]) | _reconstructions(task.eyes[name]) | _textures(task, config.out / name),
        DEFAULTS,
    )


def _detectors(task: RefineTask, names: Sequence[str]) -> dict[str, str]:
    """Whose reconstructions the filter sees."""
    return {f"detector of {name}": found.weights for name in names if (found := task.eyes[name].rebuilder)}


def _reconstructions(eye: Extractor) -> dict[str, str]:
    """Those that came with the maps."""
    return {RECONSTRUCTION: eye.rebuilder.tested} if isinstance(eye.rebuilder, GivenReconstructions) else {}


def _textures(task: RefineTask, folder: Path) -> dict[str, str]:
    """What a folder's note shall say of the pictures to paint with."""
    noted = notes.read_note(folder).inputs.get(training_set.TEXTURES)
    return training_set.texture_inputs(task.painting, task.config.textures, noted)


def _given_model(config: RefineConfig) -> ModelFolder:
    folder = ModelFolder(Path(config.model or ""))
    if not folder.weights.exists():
        raise MissingInputError(f"No trained filter at {folder.path} (--model). It is a folder of models/{NAME}/.")
    return folder


def _groups(names: Sequence[str], settings: FilterSettings) -> dict[str, tuple[str, ...]]:
    """For each category those that share its filter."""
    joint = {"auto": len(names) > 1, "true": True, "false": False}[settings.joint]
    return dict.fromkeys(names, tuple(names)) if joint else {name: (name,) for name in names}


def _filter(task: RefineTask, group: tuple[str, ...], known: dict[str, Filter | AdtoolError], *, force: bool) -> Filter:
    """The filter of a group of categories: given, stored or trained now; a failure is met once by each category."""
    key = _key(task, group)
    if key not in known:
        try:
            known[key] = _given(task, group) if task.config.model else _trained(task, key, group, force=force)
        except AdtoolError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, AdtoolError):
        raise found
    lacking = [name for name in group if name not in found.templates]
    if lacking and task.config.model:
        raise UsageError(f"The filter at {task.config.model} knows {', '.join(found.categories)}, not {lacking[0]}.")
    return found


def _folder(task: RefineTask, group: Sequence[str]) -> ModelFolder:
    """Where the filter of a group of categories lies."""
    return (
        _given_model(task.config) if task.config.model else ModelFolder(task.config.models / NAME / _key(task, group))
    )


def _key(task: RefineTask, group: Sequence[str]) -> str:
    return layout.ALL_CATEGORIES if len(group) > 1 or task.settings.joint == "true" else group[0]


def _given(task: RefineTask, group: Sequence[str]) -> Filter:
    folder = _given_model(task.config)
    made = model.load(folder)
    for name in group:
        if name in made.templates:
            model.check(made, task.eyes[name], name, folder.path)
    return made


def _trained(task: RefineTask, key: str, group: Sequence[str], *, force: bool) -> Filter:
    config, by_name = task.config, {category.name: category for category in task.categories}
    inputs = {
        name: files.fingerprint((one.id, one.image) for one in by_name[name].train) for name in group
    } | _detectors(task, group)
    folder = ModelFolder(config.models / NAME / key)
    inputs |= _textures(task, folder.path)
    identity = Identity(f"fit {NAME}", _seen_by(task, group[0]), config.seed, inputs, DEFAULTS)
    # One that is finished is kept elsewhere, so nothing is lost; one that was interrupted is not given up unasked.
    replace = force or notes.is_done(folder.path)
    with StepRun(f"fit {NAME}", folder.path.parent, force=force, missing=inventory.of_model, keeps=True) as run:
        if run.plan({key: identity}, replace=replace):
            with run.category(key, keep_going=False) as work:
                _train(task, {name: by_name[name] for name in group}, folder, work)
    return model.load(folder)


def _train(task: RefineTask, categories: Mapping[str, Category], folder: ModelFolder, work: Work) -> None:
    try:
        made, normals = _taught(task, categories, work, checked=training_set.is_checked(work.folder))
    except UnreadableImageError as error:
        log.warning("%s The images are checked, and those that can be read are learned from.", error)
        made, normals = _taught(task, categories, work, checked=True)
    model.save(made, folder, {"trained_on": normals})
    training_set.tidy(work.folder)  # only now: until here a kill costs a minute
    work.result[inventory.FILES] = inventory.names_in(work.folder)


def _taught(
    task: RefineTask, categories: Mapping[str, Category], work: Work, *, checked: bool
) -> tuple[Filter, dict[str, int]]:
    """A trained filter, and the number of each category's normal images.

    Raises:
        UnreadableImageError: one of the images, which were not checked, can't be read.
    """
    config = task.config
    normals = {}
    for name, category in categories.items():
        note = notes.note_of(config.maps / name)
        seed = note.seed or 0
        try:
            share = origin.held_out(note.all_settings)
            normals[name] = training_set.normals(category, seed, task.eyes[name], share=share, checked=checked)
        except MissingInputError as error:
            if len(categories) == 1:
                raise
            log.warning("%s The filter is trained without it.", error)
    if not normals:
        raise MissingInputError("None of the categories has normal images to train a filter with.")
    training_set.begin(work.folder, [one for each in normals.values() for one in each], checked=checked)
    with seeding.repeatable(task.eyes[next(iter(normals))].backbone.device):
        made = training_set.teach(normals, task.eyes, task.settings, task.painting, config.seed, work)
    return made, {name: len(samples) for name, samples in normals.items()}
