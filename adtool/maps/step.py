"""maps: one anomaly map per test image.

Reads  a data set, and models/<detector>/<category>/ if it fits
Writes models/<detector>/<category>/ (a model, the scores of normal images) and maps/<category>/ with its limit
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from adtool.core import files, layout, map_types, plugins
from adtool.core.config import Config, identity_defaults
from adtool.core.dataset import dataset_folder, looking
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import MapsFolder
from adtool.core.limits import decisions, evidence, keeping, sentences
from adtool.core.limits.keeping import AskedBefore
from adtool.core.limits.limit_file import Limit
from adtool.core.outcome import Exact
from adtool.core.shards.shard_files import SPEED
from adtool.core.steps import inventory, notes, unread
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import Identity, Outcome, StepRun, Work
from adtool.core.tables import Row
from adtool.core.warnings_once import warned_once
from adtool.core.words import counted, subject
from adtool.detection import added, qualities
from adtool.detection import store as stored
from adtool.detection.contract import GROUP, load_plugin, settings_of
from adtool.detection.store import ChosenDetector
from adtool.maps import adding, divided, mapping, overlays, sharded
from adtool.maps.config import MapsConfig
from adtool.maps.mapping import ReadyModel
from adtool.nn import precision

COMMAND = "maps"
AUTO, WITH_NORMALS, WITHOUT_NORMALS = "auto", "patchcore", "musc"

SHOWN = 3  # folders named in a message
LATER = "When all of them are done, `adtool maps --overlays` draws them."

log = logging.getLogger("adtool")


def run(config: MapsConfig, *, force: bool = False) -> Outcome:
    """Score the test images of every category; one that fails does not stop the others."""
    if config.overlays and config.part is not None:
        raise UsageError(f"--overlays shows the maps of all shards: leave it out of --shard {config.shard}. {LATER}")
    settings = _settings(config)
    data = looking.asked(dataset_folder.read_dataset(config.data or Path(layout.DATA)), config.look_at)
    categories = data.select(config.category)
    name, why = _detector_name(config, categories)
    if why:
        log.info("%s", why)  # now, and again with the result
    lacking = [text for one in categories if (text := mapping.lacking(one, name))]
    if len(lacking) == len(categories):  # nothing can be done, so say it before weights are looked for
        raise MissingInputError(lacking[0])
    chosen = stored.prepare(name, settings.get(name) or _settings_of(name, config), config)
    qualities.say(name, chosen.detector, chosen.settings, config)
    data.pictures.say()
    with map_types.written_as(config.map_type):
        outcome = _score_all(config, data, categories, chosen, force=force)
    outcome.notes[:0] = [why] if why else []
    if config.overlays:
        overlays.write(config.out, categories, outcome)
    return outcome


def _settings(config: MapsConfig) -> dict[str, Config]:
    """The settings of each detector that may be taken, so that wrong ones are said before data are looked for."""
    found: dict[str, Config] = {}
    errors = []
    for name in _possible(config.detector):
        try:
            found[name] = _settings_of(name, config)
        except UsageError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _settings_of(name: str, config: MapsConfig) -> Config:
    detector = load_plugin(name)
    return settings_of(name, detector, config.settings, qualities.usual(detector, config))


def _possible(detector: str) -> list[str]:
    if detector != AUTO:
        return [detector]
    return [name for name in (WITH_NORMALS, WITHOUT_NORMALS) if name in plugins.names(GROUP)]


def _detector_name(config: MapsConfig, categories: Sequence[Category]) -> tuple[str, str]:
    """The detector, and a sentence on how `auto` came to it: without normal images, one that needs none."""
    if config.detector != AUTO:
        return config.detector, ""
    possible = _possible(AUTO)
    learned = sum(len(one.train) for one in categories)
    if learned:
        there = subject(learned, "normal image", "is", "are")
        return possible[0], f"--detector auto: {possible[0]}, which learns from normal images: {there} there."
    where = " and ".join(str(one.path / layout.TRAIN) for one in categories[:SHOWN])
    why = f"there are no normal images to learn from (looked for in {where})"
    return possible[
        -1
    ], f"--detector auto: {possible[-1]}, which compares the test images with each other, since {why}."


def _score_all(
    config: MapsConfig, data: Dataset, categories: Sequence[Category], chosen: ChosenDetector, *, force: bool
) -> Outcome:
    changed = adding.change(config, categories, chosen.name, chosen.detector.ABOUT)
    identities = _identities(config, categories, chosen, force=force)
    if config.workers is not None:
        with warned_once():  # workers say again what was said when the models were made
            return divided.run(config, data, categories, chosen, identities, force=force)
    if config.part is not None:
        return sharded.run(config, data, categories, chosen, identities, force=force)
    with StepRun(COMMAND, config.out, force=force, missing=inventory.of_maps) as work:
        replace = changed and all(_lacks_only_added(config.out / name, one) for name, one in identities.items())
        todo = set(work.plan(identities, {"data": data.path, "models": config.models}, replace=replace))
        for category in categories:
            if category.name in todo:
                before = keeping.asked_before(config.out / category.name, is_same=work.is_same(category.name))
                with work.category(category.name, keep_going=len(categories) > 1) as out:
                    mapping.require_images(category, chosen.name)
                    learned_from = stored.source(chosen, data, category, config.models)
                    samples = mapping.asked_for(category, config.max_images, config.seed)
                    learned = mapping.ready(chosen, category, learned_from, samples, config.models, force=force)
                    work.outcome.rows.append(_write_maps(config, category, learned, out, work.outcome, before))
            else:
                work.outcome.rows.append(_decide_again(config, category.name, work))
                work.outcome.notes += unread.of_category(category.name, notes.result_of(config.out / category.name))
    return work.outcome


def _identities(
    config: MapsConfig, categories: Sequence[Category], chosen: ChosenDetector, *, force: bool
) -> dict[str, Identity]:
    shared = chosen.identity()
    return {
        category.name: Identity(
            COMMAND,
            {
                **shared,
                **category.reading.identity(),
                **config.identity(),
                **map_types.noted(config.map_type),
                **added.identity(category, chosen.name, config.models),
                **precision.noted(
                    config.engine, config.device, config.out / category.name, force=force, missing=inventory.of_maps
                ),
            },
            config.seed,
            {"images": category.fingerprint()},
            chosen.defaults()
            | identity_defaults(MapsConfig)
            | {added.SETTING: None, map_types.SETTING: map_types.WHOLE},
        )
        for category in categories
    }


def _lacks_only_added(folder: Path, identity: Identity) -> bool:
    """Whether maps differ in nothing but what was added to their model, so that they may be made again."""
    return all(text.startswith(f"{added.SETTING}:") for text in identity.differences(notes.read_note(folder)))


def _write_maps(
    config: MapsConfig, category: Category, learned: ReadyModel, out: Work, outcome: Outcome, before: AskedBefore
) -> dict[str, object]:
    """Map every test image that has none yet, and decide; the category's line of the table."""
    samples = mapping.asked_for(category, config.max_images, config.seed)
    folder = MapsFolder(config.out)
    overlays.forget(folder, category.name)
    started = time.monotonic()
    known, made = mapping.score_missing(
        learned.scorer, samples, lambda one: folder.scores(category.name, one.id), f"maps {category.name}"
    )
    seconds = time.monotonic() - started
    scores = known | made
    skipped = [one.id for one in samples if one.id not in scores]
    refused = learned.refused(skipped)
    if not scores:
        whose, name = f"of {category.name}", learned.scorer.name
        raise unread.none_left(len(samples), "test image", whose, len(refused), name)
    evidence.write(out.folder, learned.known)  # here as well: the model may be replaced, the maps stay
    limit = keeping.for_new_maps(out.folder, learned.known, config.asked(), COMMAND, before)
    rows = [mapping.row(one, scores[one.id]) for one in samples if one.id in scores]
    files.write_csv(folder.images(category.name), layout.IMAGES_COLUMNS, rows)
    decided = decisions.apply(out.folder, limit)
    rate = len(made) / seconds if made and seconds > 0 else 0.0
    out.result |= {**mapping.noted(learned, category, len(rows), skipped, config.out), SPEED: round(rate, 1)}
    outcome.notes.append(f"{category.name}: {counted(len(made), 'map')} in {seconds:.1f} s, {rate:.1f} images/s")
    outcome.notes.append(f"{category.name}: {sentences.about(limit)}")
    outcome.notes += unread.of_category(category.name, NotedResult.of(out.result))
    return _line(category.name, decided, limit) | {"images/s": round(rate, 1)}


def _line(category: str, rows: Sequence[Row], limit: Limit) -> dict[str, object]:
    """The category's line of the table."""
    rejected = sum(row["decision"] == layout.NOT_OK for row in rows)
    return {
        "category": category,
        "images": len(rows),
        "NOK": rejected if limit.value is not None else "-",
        "limit": Exact(limit.value) if limit.value is not None else "none",
    }


def _decide_again(config: MapsConfig, category: str, work: StepRun) -> dict[str, object]:
    """Decisions of maps that are done, written again if another limit is asked for."""
    folder = config.out / category
    limit = keeping.for_done_maps(folder, config.asked(), COMMAND)
    if not decisions.is_in_force(folder, limit):
        work.lock()
        keeping.bring_in_force(folder, limit)
    return _line(category, decisions.decided(folder, limit), limit)
