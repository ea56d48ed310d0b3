"""maps --workers N: the models are made here, then N processes make the maps as shards."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import AdtoolError
from adtool.core.outcome import Outcome
from adtool.core.shards import crews, divided
from adtool.core.shards.jobs import Job
from adtool.core.steps.identity import Identity
from adtool.detection import store as stored
from adtool.detection.contract import compares
from adtool.detection.store import ChosenDetector
from adtool.maps import mapping
from adtool.maps.config import MapsConfig
from adtool.nn import device

log = logging.getLogger("adtool")


def run(
    config: MapsConfig,
    data: Dataset,
    categories: Sequence[Category],
    chosen: ChosenDetector,
    identities: Mapping[str, Identity],
    *,
    force: bool,
) -> Outcome:
    """Make the models with all that the machine has, then divide the images among the workers.

    Args:
        config: of the step, which says how many.
        data: all categories.
        categories: to do.
        chosen: the detector.
        identities: of the categories.
        force: as of the step.
    """
    crew = crews.asked_for(config)
    assert crew is not None
    noted = {"data": data.path, "models": config.models}
    begun = divided.begun("maps", config.out, identities, noted, crew, force=force)
    todo = [one for one in categories if one.name in begun.todo]
    if todo and not compares(chosen.name):
        _learn(data, todo, chosen, config.models, force=force)
    total = sum(len(mapping.asked_for(one, config.max_images, config.seed)) for one in todo)
    job = Job(
        "adtool.maps.step",
        config.model_copy(update={"overlays": False}),
        "maps",
        total,
        device.gpus_to_share(config.device),
    )
    return begun.done_by_workers(job)


def _learn(data: Dataset, categories: Sequence[Category], chosen: ChosenDetector, models: Path, *, force: bool) -> None:
    """Make the models that are not there; what can't be learned is said by the workers."""
    learned: set[str] = set()
    for one in categories:
        learned_from = stored.source(chosen, data, one, models)
        if learned_from.name in learned or mapping.lacking(one, chosen.name):
            continue
        learned.add(learned_from.name)
        try:
            stored.fit_if_missing(chosen, learned_from, models, force=force)
        except AdtoolError as error:
            if len(categories) == 1:
                raise
            log.debug("%s: %s", one.name, error)
