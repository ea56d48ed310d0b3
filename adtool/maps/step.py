"""maps: one anomaly map per test image.

Reads  a data set, and models/<detector>/<category>/ if it fits
Writes models/<detector>/<category>/ (a model, the scores of held-out normal images, a threshold) and maps/<category>/
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core import arrays, files, layout, sample, step
from adtool.core.config import Config
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.progress import track
from adtool.core.sample import Category, Dataset, Sample
from adtool.core.step import Identity, Outcome, StepRun, Work
from adtool.detectors._contract import Detector, Frame, Model, load_plugin, settings_of
from adtool.maps.config import MapsConfig
from adtool.nn import backbone

HELD_OUT_OF = 10  # one in ten
HELD_OUT_MIN, HELD_OUT_MAX = 5, 100
MIN_TO_HOLD_OUT = 3  # fewer normal images are all learned from, and there is no threshold

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Chosen:
    """A detector with its settings, and the frame it runs in."""

    name: str
    detector: Detector
    settings: Config
    frame: Frame


def run(config: MapsConfig, *, force: bool = False) -> Outcome:
    """Score the test images of every category; one that fails does not stop the others."""
    name = _detector_name(config)
    detector = load_plugin(name)
    settings = settings_of(name, detector, config.settings)
    needs = detector.needs(settings, config.backbone)
    data = sample.read_dataset(config.data or Path(layout.DATA))
    categories = data.select(config.category)
    lacking = [text for one in categories if (text := _lacking(one, name, detector))]
    if len(lacking) == len(categories):  # nothing can be done, so say it before weights are looked for
        raise MissingInputError(lacking[0])
    network = backbone.load(
        config.backbone,
        layers=needs.layers,
        norm=needs.norm,
        weights_file=config.weights,
        engine=config.engine,
        device=config.device,
    )
    frame = Frame(network, config.image_size or needs.image_size, config.batch_size, config.seed)
    return _score_all(config, data, categories, Chosen(name, detector, settings, frame), force=force)


def _score_all(
    config: MapsConfig, data: Dataset, categories: Sequence[Category], chosen: Chosen, *, force: bool
) -> Outcome:
    work = StepRun("maps", config.out, force=force)
    shared = _settings(chosen)
    identities = {
        category.name: Identity(
            "maps",
            {**shared, "limit": config.limit},  # not false_alarms: decisions are made anew from the same maps
            config.seed,
            {"images": category.fingerprint()},
        )
        for category in categories
    }
    todo = set(work.plan(identities, {"data": step.relative(data.path), "models": step.relative(config.models)}))
    for category in categories:
        if category.name in todo:
            with work.category(category.name, keep_going=len(categories) > 1) as out:
                if lacking := _lacking(category, chosen.name, chosen.detector):
                    raise MissingInputError(lacking)
                model = _model(config, category, chosen, force=force)
                work.outcome.rows.append(_write_maps(config, category, model, out, work.outcome))
        else:
            work.outcome.rows.append(_decide_again(config, category.name, work))
    return work.outcome


def _lacking(category: Category, name: str, detector: Detector) -> str:
    """What a category lacks to be worked on, empty if nothing."""
    if not category.test:
        return f"{category.path} has no test images ({layout.TEST}/<kind>/)."
    if detector.ABOUT.needs_normals and not category.train:
        return (
            f"{category.path} has no normal images to learn from ({layout.TRAIN}/<normal kind>/), which {name} needs."
        )
    return ""


def _settings(chosen: Chosen) -> dict[str, object]:
    """Whatever changes a map."""
    network = chosen.frame.backbone
    return {
        "detector": chosen.name,
        "backbone": network.name,
        "backbone_weights": network.weights_id,
        "layers": [layer.index for layer in network.layers],
        "image_size": chosen.frame.image_size,
        **chosen.settings.model_dump(mode="json", exclude={"layers"}),
    }


def _write_maps(config: MapsConfig, category: Category, model: Model, out: Work, outcome: Outcome) -> dict[str, object]:
    """Map every test image that has none yet; the category's line of the table."""
    samples = _limited(category.test, config.limit, config.seed)
    normal_scores = _normal_scores(config, category)
    folder, threshold = MapsFolder(config.out), _threshold(normal_scores, config.false_alarms)
    scores: dict[str, float] = {}
    todo = []
    for one in samples:
        known = _written_score(folder.scores(category.name, one.id))
        if known is None:
            todo.append(one)
        else:
            scores[one.id] = known
    started = time.monotonic()
    for scored in track(model.score(todo), f"maps {category.name}", len(todo)):
        arrays.write_scores(folder.scores(category.name, scored.sample.id), scored.scores, scored.image_score)
        scores[scored.sample.id] = scored.image_score
    seconds = time.monotonic() - started
    unread = [one.id for one in samples if one.id not in scores]
    if not scores:
        raise MissingInputError(f"None of the {len(samples)} test images of {category.name} could be read.")
    rows = [_row(one, scores[one.id], threshold) for one in samples if one.id in scores]
    files.write_csv(folder.images(category.name), layout.IMAGES_COLUMNS, rows)
    rate = len(todo) / seconds if todo and seconds > 0 else 0.0
    out.result |= {
        "image_score_rule": _rule(config, category),
        "threshold": threshold,
        "normal_scores": normal_scores,  # noted here as well: the model may be replaced, the maps stay
        "images": len(rows),
        "skipped": unread,
        "images_per_second": round(rate, 1),
    }
    if unread:
        noun = "image" if len(unread) == 1 else "images"
        outcome.notes.append(f"{category.name}: skipped {len(unread)} unreadable {noun}: {', '.join(unread[:3])}")
    outcome.notes.append(f"{category.name}: {len(todo)} maps in {seconds:.1f} s, {rate:.1f} images/s")
    return _line(category.name, rows, threshold) | {"images/s": round(rate, 1)}


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
    result = (step.read_note(config.out / category) or {}).get("result") or {}
    threshold = _threshold(result.get("normal_scores") or [], config.false_alarms)
    folder = MapsFolder(config.out)
    rows: list[dict[str, object]] = [
        {**row, "decision": _decision(float(row["image_score"]), threshold)} for row in folder.image_rows(category)
    ]
    if threshold != result.get("threshold"):
        files.write_csv(folder.images(category), layout.IMAGES_COLUMNS, rows)
        work.amend(category, {"threshold": threshold})
        log.info("%s: decisions made again with the threshold %s.", config.out / category, threshold)
    return _line(category, rows, threshold)


def _row(one: Sample, score: float, threshold: float | None) -> dict[str, object]:
    return {"id": one.id, "kind": one.kind, "image_score": score, "decision": _decision(score, threshold)}


def _decision(score: float, threshold: float | None) -> str:
    return "" if threshold is None else layout.NOT_OK if score > threshold else layout.OK


def _limited(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    if limit is None or limit >= len(samples):
        return list(samples)
    chosen = np.random.default_rng(seed).choice(len(samples), size=limit, replace=False)
    return [samples[i] for i in sorted(chosen)]


def _written_score(path: Path) -> float | None:
    """The image score of a map that an earlier, interrupted run wrote."""
    return arrays.read_scores(path).image_score if path.exists() else None


def _detector_name(config: MapsConfig) -> str:
    return "patchcore" if config.detector == "auto" else config.detector


def _model_folder(config: MapsConfig, category: Category) -> ModelFolder:
    return ModelFolder(config.models / _detector_name(config) / category.name)


def _normal_scores(config: MapsConfig, category: Category) -> list[float]:
    """Image scores of the held-out normal images."""
    path = _model_folder(config, category).normals
    try:
        return [float(row["image_score"]) for row in files.read_csv(path)] if path.exists() else []
    except (KeyError, ValueError):
        raise BadDataError(f"{path} is damaged. Make the model again with --force.") from None


def _threshold(normal_scores: Sequence[float], false_alarms: float) -> float | None:
    """The image score that the asked share of held-out normal images exceeds; None without any."""
    if not normal_scores:
        return None
    return float(np.quantile(normal_scores, 1 - false_alarms, method="higher"))


def _rule(config: MapsConfig, category: Category) -> str:
    card = files.read_json(_model_folder(config, category).card)
    return str(card.get("image_score_rule", "")) if isinstance(card, dict) else ""


def _model(config: MapsConfig, category: Category, chosen: Chosen, *, force: bool) -> Model:
    """The stored model if it fits, else a new one."""
    folder = _model_folder(config, category)
    fitting = StepRun(f"fit {chosen.name}", folder.path.parent, force=force)
    inputs = {"train": files.fingerprint((one.id, one.image) for one in category.train)}
    identity = Identity(f"fit {chosen.name}", _settings(chosen), config.seed, inputs)
    if fitting.plan({category.name: identity}, replace=True):
        with fitting.category(category.name, keep_going=False) as work:
            _fit(category, chosen, folder, config, work)
    return chosen.detector.load(folder, chosen.frame)


def _fit(category: Category, chosen: Chosen, folder: ModelFolder, config: MapsConfig, work: Work) -> None:
    held_out, learned = _hold_out(category.train, config.seed)
    model = chosen.detector.fit(learned, chosen.settings, chosen.frame)
    model.save(folder, {"category": category.name, "learned_from": len(learned), "held_out": len(held_out)})
    scored = track(model.score(held_out), "held-out normal images", len(held_out))
    rows = [{"id": one.sample.id, "image_score": one.image_score} for one in scored]
    files.write_csv(folder.normals, layout.NORMALS_COLUMNS, rows)
    if not rows:
        log.warning("%s: too few normal images to hold any out, so there is no threshold.", category.name)
    work.result |= {"learned_from": len(learned), "held_out": len(rows)}


def _hold_out(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """(held out, learned from): a tenth, 5 to 100, but never more than a third of the images."""
    if len(samples) < MIN_TO_HOLD_OUT:
        return [], list(samples)
    count = min(max(math.ceil(len(samples) / HELD_OUT_OF), HELD_OUT_MIN), HELD_OUT_MAX, len(samples) // 3)
    chosen = set(np.random.default_rng(seed).choice(len(samples), size=count, replace=False).tolist())
    return (
        [one for i, one in enumerate(samples) if i in chosen],
        [one for i, one in enumerate(samples) if i not in chosen],
    )
