"""maps: one anomaly map per test image.

Reads  a data set, and models/<detector>/<category>/ if it fits
Writes models/<detector>/<category>/ (a model, the scores of held-out normal images, a threshold) and maps/<category>/
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core import arrays, files, layout, model_cards, plugins
from adtool.core.config import Config, identity_defaults
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.map_source import skipped_note
from adtool.core.progress import track
from adtool.core.steps import inventory, notes, resuming
from adtool.core.steps.note_form import NotedLimit, NotedResult
from adtool.core.steps.step_run import Identity, Outcome, StepRun, Work
from adtool.core.words import counted
from adtool.detection import origin
from adtool.detection import store as stored
from adtool.detection.contract import GROUP, ComparingDetector, compares, load_plugin, settings_of
from adtool.detection.scoring import ComparedImages, Scorer
from adtool.detection.store import ChosenDetector
from adtool.maps.config import MapsConfig
from adtool.nn import precision

AUTO, WITH_NORMALS, WITHOUT_NORMALS = "auto", "patchcore", "musc"

SHOWN = 3  # folders named in a message

log = logging.getLogger("adtool")


def run(config: MapsConfig, *, force: bool = False) -> Outcome:
    """Score the test images of every category; one that fails does not stop the others."""
    settings = _settings(config)
    data = dataset_folder.read_dataset(config.data or Path(layout.DATA))
    categories = data.select(config.category)
    name, why = _detector_name(config, categories)
    if why:
        log.info("%s", why)  # now, and again with the result
    lacking = [text for one in categories if (text := _lacking(one, name))]
    if len(lacking) == len(categories):  # nothing can be done, so say it before weights are looked for
        raise MissingInputError(lacking[0])
    chosen = stored.prepare(name, settings.get(name) or settings_of(name, load_plugin(name), config.settings), config)
    data.pictures.say()
    outcome = _score_all(config, data, categories, chosen, force=force)
    outcome.notes[:0] = [why] if why else []
    return outcome


def _settings(config: MapsConfig) -> dict[str, Config]:
    """The settings of each detector that may be taken, so that wrong ones are said before data are looked for."""
    found: dict[str, Config] = {}
    errors = []
    for name in _possible(config.detector):
        try:
            found[name] = settings_of(name, load_plugin(name), config.settings)
        except UsageError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


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
        return possible[0], f"--detector auto: {possible[0]}, which learns from the {learned} normal images there are."
    where = " and ".join(str(one.path / layout.TRAIN) for one in categories[:SHOWN])
    why = f"there are no normal images to learn from (looked for in {where})"
    return possible[
        -1
    ], f"--detector auto: {possible[-1]}, which compares the test images with each other, since {why}."


def _score_all(
    config: MapsConfig, data: Dataset, categories: Sequence[Category], chosen: ChosenDetector, *, force: bool
) -> Outcome:
    shared = chosen.identity()
    identities = {
        category.name: Identity(
            "maps",
            {
                **shared,
                **category.reading.identity(),
                **config.identity(),
                **precision.noted(
                    config.engine, config.device, config.out / category.name, force=force, missing=inventory.of_maps
                ),
            },
            config.seed,
            {"images": category.fingerprint()},
            chosen.defaults() | identity_defaults(MapsConfig),
        )
        for category in categories
    }
    with StepRun("maps", config.out, force=force, missing=inventory.of_maps) as work:
        todo = set(work.plan(identities, {"data": data.path, "models": config.models}))
        for category in categories:
            if category.name in todo:
                with work.category(category.name, keep_going=len(categories) > 1) as out:
                    if lacking := _lacking(category, chosen.name):
                        raise MissingInputError(lacking)
                    learned = _learned(config, chosen, category, stored.source(chosen, data, category), force=force)
                    work.outcome.rows.append(_write_maps(config, category, learned, out, work.outcome))
            else:
                work.outcome.rows.append(_decide_again(config, category.name, work))
    return work.outcome


def _lacking(category: Category, name: str) -> str:
    """What a category lacks to be worked on, empty if nothing."""
    if not category.test:
        return f"{category.path} has no test images ({layout.TEST}/<kind>/)."
    return "" if compares(name) else stored.lacks_normals(category, name)


@dataclass(frozen=True)
class ReadyModel:
    """What scores images, with what is known of the scores it gives.

    Attributes:
        scorer: a model of one category, or of all; or images that are compared with each other.
        normal_scores: image scores of the category's held-out normal images.
        rule: how an image score comes about.
        folder: where the model lies, if it is stored.
    """

    scorer: Scorer
    normal_scores: list[float]
    rule: str
    folder: ModelFolder | None = None


def _learned(
    config: MapsConfig, chosen: ChosenDetector, category: Category, learned_from: Category, *, force: bool
) -> ReadyModel:
    """The stored model if it fits, else a new one; of a detector that learns nothing, the images to compare."""
    if isinstance(chosen.detector, ComparingDetector):
        samples = _limited(category.test, config.limit, config.seed)
        comparison = chosen.detector.compare(samples, chosen.settings, chosen.frame)
        return ReadyModel(ComparedImages(comparison, chosen.frame), [], comparison.image_score_rule)
    folder = stored.folder_of(chosen.name, learned_from.name, config.models)
    model = stored.fit_or_load(chosen, learned_from, config.models, force=force)
    return ReadyModel(model, stored.normal_scores(folder, category.name), model_cards.image_score_rule(folder), folder)


def _write_maps(
    config: MapsConfig, category: Category, learned: ReadyModel, out: Work, outcome: Outcome
) -> dict[str, object]:
    """Map every test image that has none yet; the category's line of the table."""
    samples = _limited(category.test, config.limit, config.seed)
    folder, threshold = MapsFolder(config.out), stored.threshold(learned.normal_scores, config.false_alarms)
    started = time.monotonic()
    known, made = score_missing(
        learned.scorer, samples, lambda one: folder.scores(category.name, one.id), f"maps {category.name}"
    )
    seconds = time.monotonic() - started
    scores = known | made
    unread = [one.id for one in samples if one.id not in scores]
    if not scores:
        raise MissingInputError(f"None of the {len(samples)} test images of {category.name} could be read.")
    rows = [_row(one, scores[one.id], threshold) for one in samples if one.id in scores]
    files.write_csv(folder.images(category.name), layout.IMAGES_COLUMNS, rows)
    rate = len(made) / seconds if made and seconds > 0 else 0.0
    noted = NotedResult(
        image_score_rule=learned.rule,
        threshold=threshold,
        false_alarms=config.false_alarms,
        normal_scores=learned.normal_scores,  # noted here as well: the model may be replaced, the maps stay
        images=len(rows),
        skipped=unread,
    )
    out.result |= {**noted.as_json(), "images_per_second": round(rate, 1)}
    if learned.folder is not None:
        out.result |= origin.noted(learned.folder, config.out)
    outcome.notes += skipped_note(category.name, unread)
    outcome.notes.append(f"{category.name}: {counted(len(made), 'map')} in {seconds:.1f} s, {rate:.1f} images/s")
    return _line(category.name, rows, threshold) | {"images/s": round(rate, 1)}


def score_missing(
    scorer: Scorer, samples: Sequence[Sample], path_of: Callable[[Sample], Path], label: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Write the maps that are not there yet; an interrupted run leaves some.

    Args:
        scorer: what scores them.
        samples: images; what can't be read is skipped and said.
        path_of: where the map of an image lies.
        label: of the progress bar.

    Returns:
        Image scores by id: of the maps that were there, and of those that were made.
    """
    known = arrays.written_scores({one.id: path_of(one) for one in samples})
    todo = resuming.to_score(samples, known, scorer.frame.batch_size)
    made: dict[str, float] = {}
    for scored in track(scorer.score(todo), label, len(todo)):
        if scored.sample.id in known:  # seen again for the others of its batch
            continue
        arrays.write_scores(path_of(scored.sample), scored.scores, scored.image_score)
        made[scored.sample.id] = scored.image_score
    return known, made


def _line(category: str, rows: Sequence[Mapping[str, object]], threshold: float | None) -> dict[str, object]:
    """The category's line of the table."""
    rejected = sum(row["decision"] == layout.NOT_OK for row in rows)
    return {
        "category": category,
        "images": len(rows),
        "NOK": rejected if threshold is not None else "-",
        "threshold": threshold if threshold is not None else "none",
    }


def _decide_again(config: MapsConfig, category: str, work: StepRun) -> dict[str, object]:
    """Decisions of maps that are done, written again if another share of false alarms is asked for."""
    result = notes.result_of(config.out / category)
    threshold = stored.threshold(result.normal_scores, config.false_alarms)
    folder = MapsFolder(config.out)
    rows: list[dict[str, object]] = [
        {**row, "decision": stored.decision(float(row["image_score"]), threshold)}
        for row in folder.image_rows(category)
    ]
    changed = threshold != result.threshold
    if changed:
        work.lock()
        files.write_csv(folder.images(category), layout.IMAGES_COLUMNS, rows)
    if changed or config.false_alarms != result.false_alarms:
        work.amend(category, NotedLimit(threshold=threshold, false_alarms=config.false_alarms).as_json())
    if changed:
        log.info("%s: decisions made again with the threshold %s.", config.out / category, threshold)
    return _line(category, rows, threshold)


def _row(one: Sample, score: float, threshold: float | None) -> dict[str, object]:
    return {"id": one.id, "kind": one.kind, "image_score": score, "decision": stored.decision(score, threshold)}


def _limited(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    if limit is None or limit >= len(samples):
        return list(samples)
    chosen = np.random.default_rng(seed).choice(len(samples), size=limit, replace=False)
    return [samples[i] for i in sorted(chosen)]
