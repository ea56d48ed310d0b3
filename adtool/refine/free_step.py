"""refine --method free: maps that are filled and follow the picture, without a filter that is trained.

Reads  maps/<category>/, their data set, models/<detector>/ (to judge the result)
Writes refined/<category>/
"""

from adtool.core import config as settings_of
from adtool.core import map_source, map_types
from adtool.core.dataset import dataset_folder
from adtool.core.errors import UsageError
from adtool.core.map_source import MapSource
from adtool.core.steps import inventory, step_run
from adtool.core.steps.step_run import Identity, Outcome, StepRun
from adtool.refine import asked, each_category
from adtool.refine.config import FreeSettings, RefineConfig
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.refiners import FreeRefiner
from adtool.refine.sharded import DividedRefine

DEFAULTS = settings_of.defaults(FreeSettings) | {map_types.SETTING: map_types.WHOLE}
AS_MAPPED = ("backbone", "layers", "image_size", "padding")


def run(config: RefineConfig, *, force: bool = False) -> Outcome:
    """Refine the maps of every category, in seconds.

    Raises:
        UsageError: an option that only a trained filter has, or no such setting.
    """
    for name in RefineConfig.NOT_FREE:
        if getattr(config, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is for a trained filter, and --method free has none.")
    settings = free_settings(config)
    names = each_category.names(config)
    data = dataset_folder.read_dataset(step_run.noted_data(config.maps, config.data))
    sources = {name: map_source.read_source(config.maps, data.category(name)) for name in names}
    rule = asked.rule(config)
    detectors = MapDetectors(config.models, config.engine_choice)

    refiner = FreeRefiner(settings, rule, detectors)
    identities = {name: _identity(config, settings, source) for name, source in sources.items()}
    if config.is_divided:
        return DividedRefine(config, sources, identities, data.path, lambda *_: refiner).run(force=force)
    with StepRun("refine", config.out, force=force, missing=inventory.of_maps) as work:
        todo = work.plan(identities, {"data": data.path, "maps": config.maps})
        each_category.refine_each(config, sources, work, todo, lambda _: refiner)
    return work.outcome


def free_settings(config: RefineConfig) -> FreeSettings:
    """What `--set` says.

    Raises:
        UsageError: no such setting, or a value that does not fit.
    """
    return settings_of.with_preset(FreeSettings, {}, settings_of.pairs(config.settings), owner="refine --method free")


def _identity(config: RefineConfig, settings: FreeSettings, source: MapSource) -> Identity:
    noted = source.note.all_settings
    seen = {name: noted[name] for name in AS_MAPPED if noted.get(name)}  # as later steps shall see the images, too
    own = {"method": each_category.FREE, **settings.identity(), "judged": settings.judged}
    own |= {**source.category.reading.identity(), "keep": config.keep, "image_score": config.image_score}
    own |= map_types.noted(config.map_type)
    inputs = {"images": source.category.fingerprint(), "maps": source.fingerprint()}
    return Identity("refine", {**own, **seen}, config.seed, inputs, {**DEFAULTS, **seen})
