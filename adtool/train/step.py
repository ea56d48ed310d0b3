"""train: a detector learns the normal images of each category.

Reads  a data set
Writes models/<detector>/<category>/ (a model, curves.csv, the scores of held-out normal images), or .../_all/
"""

import time
from collections.abc import Sequence
from pathlib import Path

from adtool.core import layout
from adtool.core.dataset import dataset_folder, looking
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.shards import crews, divided
from adtool.core.shards.jobs import Crew, Job
from adtool.core.steps import notes, workspace_paths
from adtool.core.steps.step_run import Outcome
from adtool.detection import added, qualities
from adtool.detection import store as stored
from adtool.detection.contract import learner, learns_jointly, settings_of
from adtool.detection.store import ChosenDetector
from adtool.nn import device
from adtool.train.config import TrainConfig


def run(config: TrainConfig, *, force: bool = False) -> Outcome:
    """Learn every category, or all in one; a category that fails does not stop the others."""
    detector = learner(config.detector)
    settings = settings_of(config.detector, detector, config.settings, qualities.usual(detector, config))
    data = looking.asked(dataset_folder.read_dataset(config.data or Path(layout.DATA)), config.look_at)
    categories = _to_learn(config, data, joined=learns_jointly(detector, settings))
    lacking = {one.name: stored.lacks_normals(one, config.detector) for one in categories}
    if all(lacking.values()):  # nothing can be done, so say it before weights are looked for
        raise MissingInputError(next(iter(lacking.values())))
    chosen = stored.prepare(config.detector, settings, config)
    qualities.say(config.detector, detector, settings, config)
    crew = crews.asked_for(config)
    if crew is not None:
        return _by_workers(config, chosen, categories, crew, force=force)
    with stored.fitting(chosen, categories, config.models, force=force, replace=False) as work:
        for category in categories:
            if category.name not in work.outcome.skipped:
                with work.category(category.name, keep_going=len(categories) > 1) as out:
                    if lacking[category.name]:
                        raise MissingInputError(lacking[category.name])
                    started = time.monotonic()
                    stored.learn(chosen, category, out)
                    work.outcome.notes.append(f"{category.name}: learned in {time.monotonic() - started:.0f} s")
    work.outcome.command = "train"
    work.outcome.rows += _rows(work.out, categories)
    return work.outcome


def _by_workers(
    config: TrainConfig, chosen: ChosenDetector, categories: Sequence[Category], crew: Crew, *, force: bool
) -> Outcome:
    """Let workers learn a category each."""
    with stored.fitting(chosen, categories, config.models, force=force, replace=False) as work:
        skipped = work.outcome.skipped
    todo = [one.name for one in categories if one.name not in skipped]
    gpus = device.gpus_to_share(config.device)
    job = Job("adtool.train.step", config, "train", 0, gpus, out=work.out, force=force)
    outcome = divided.by_category("train", crew, job, todo) if todo else Outcome("train", work.out)
    outcome.skipped[:0] = skipped
    outcome.rows = _rows(work.out, categories)
    return outcome


def _rows(out: Path, categories: Sequence[Category]) -> list[dict[str, object]]:
    return [_row(out / one.name, one.name) for one in categories if notes.is_done(out / one.name)]


def _to_learn(config: TrainConfig, data: Dataset, *, joined: bool) -> list[Category]:
    chosen = data.select(config.category)
    if not joined:
        return [added.with_added(one, config.detector, config.models) for one in chosen]
    if config.workers is not None:
        raise UsageError(
            f"{config.detector} learns one model for all categories, and --workers does a category each. Leave it out."
        )
    if config.category:
        raise UsageError(
            f"{config.detector} learns one model for all categories; leave --category out "
            "(or add --set joint=false, if it has that setting)."
        )
    return [stored.joined(data)]


def _row(folder: Path, category: str) -> dict[str, object]:
    """The category's line of the table."""
    result = notes.result_of(folder)
    return {
        "category": category,
        "learned from": "" if result.learned_from is None else result.learned_from,
        "held out": "" if result.held_out is None else result.held_out,
        "model": workspace_paths.short(folder).as_posix(),
    }
