"""inspect: tomorrow's images with the stored models.

Reads  NEW, classes/<category>/ (if there is one), the notes of the maps it was made from, models/
Writes inspected/: inspect.csv, maps/, overlays/
"""

import logging
import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core import arrays, colours, files, json_files, layout, model_cards
from adtool.core.arrays import Bools, Floats
from adtool.core.config import identity_defaults
from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import ClassesFolder, InspectedFolder, MapsFolder
from adtool.core.overlays_folder import INSPECT_BOXES_COLUMNS
from adtool.core.steps import notes
from adtool.core.steps import unread as not_read
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.words import counted, first_few
from adtool.detection import looks
from adtool.discover import predict
from adtool.discover.predict import Predicted, PredictionRuntime, StoredClasses
from adtool.inspect import alarms, chain, given, light, noting, scoring, verdict
from adtool.inspect.chain import Chain
from adtool.inspect.config import InspectConfig
from adtool.inspect.light import Watch
from adtool.inspect.noting import COMMAND
from adtool.inspect.overlays import Overlays, Told
from adtool.inspect.scoring import NewScores
from adtool.inspect.seeing import read_as_learned
from adtool.inspect.sharded import DividedInspect
from adtool.nn import precision
from adtool.nn.backbone import Backbone
from adtool.nn.options import EngineChoice
from adtool_runtime import drawing
from adtool_runtime.decision import decision as decision_of

WORK = "_work"  # folder below the step's own, for what is not kept
SHOWN = 5  # files named in a message
NO_NUMBERS = "the detector '{}' gives it NaN or infinite scores"
DIGITS = 16  # of a hash

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Judged:
    """What is said of one image."""

    sample: Sample
    image_score: float
    decision: str
    name: str  # of its class, empty where there are no classes
    confidence: float | None


def run(config: InspectConfig, *, force: bool = False) -> Outcome:
    """Judge the new images; maps that were written before are not made again.

    Raises:
        MissingInputError: there are no images, or nothing is stored to judge them with.
        UsageError: the folder holds other images' results, and not `force`.
    """
    found = chain.find(config)
    new = given.read(config.new, found.category)
    samples = read_as_learned(new.test, model_cards.reading_of(found.model))
    new = replace(new, test=samples)
    learned = model_cards.precision_of(found.model)
    exactly = precision.noted(
        precision.followed(learned, config.engine_choice).engine,
        config.device,
        config.out,
        force=force,
        missing=lambda out: noting.missing(out, notes.result_of(out).skipped, samples),
    )
    settings = found.identity() | config.identity() | samples[0].reading.identity() | exactly
    inputs = {"images": files.fingerprint((one.id, one.image) for one in samples)}
    identity = Identity(COMMAND, settings, 0, inputs, identity_defaults(InspectConfig))
    decided = _decided(config, found) | given.noted(new, config.new)
    asked = noting.asked(config.out, identity, decided, samples)
    if config.is_divided:
        return DividedInspect(config, asked, samples, lambda own: _score(config, found, own), run).run(force=force)
    outcome = Outcome(COMMAND, config.out)
    with noting.writing(asked, outcome, force=force) as result:
        if not result:
            result |= _inspect(config, found, new)
        _tell(outcome, result)
        verdict.add(outcome, InspectedFolder(config.out).table, fail_on_nok=config.fail_on_nok)
    return outcome


def _decided(config: InspectConfig, found: Chain) -> dict[str, object]:
    """What changes classes and decisions, but no map."""
    classes = found.classes
    parts = [] if classes is None else [json_files.sha256(classes.folder.card), files.sha256(classes.folder.model)]
    return {
        "classes": "-".join(one[:DIGITS] for one in parts),
        "limit": found.limit,
        "unknown": config.unknown,
        "alike": config.alike,
    }


def _inspect(config: InspectConfig, found: Chain, new: Category) -> dict[str, Any]:
    """Maps, classes, overlays, the table; what is to be told."""
    folder, work, samples = InspectedFolder(config.out), config.out / WORK, new.test
    chosen = config.engine_choice
    if found.classes is not None:
        chosen = precision.as_learned(found.classes.precision, chosen, found.classes.folder.path)
    watch = Watch(looks.read(found.model))
    looked = _looked(config, found)
    scores = _score(config, found, samples)
    unread = [one for one in samples if one.id not in scores.of]
    refused = _refused(scores, unread)
    samples = tuple(one for one in samples if one.id in scores.of)
    if not samples:
        raise not_read.none_left(len(unread), "image", f"in {config.new}", len(refused), scores.detector)

    def scores_of(one: Sample) -> Floats:
        return arrays.read_scores(folder.scores(one.id)).scores

    values = np.array([scores.of[one.id] for one in samples])
    placed = None
    if found.classes is not None:
        runtime = _runtime(found, found.classes, chosen, scores.backbone)
        placed = predict.place(found.classes, samples, scores_of, values, looked, runtime)
    limit = found.classes.limit(config.unknown) if found.classes is not None else None
    judged = [_judge(found, placed, limit, i, one, scores.of[one.id]) for i, one in enumerate(samples)]
    outlines = _outlines(looked) if placed is not None else lambda _: None
    # The colours of the maps whose way the images go, so that yesterday's and tomorrow's overlays compare.
    scale = colours.of_category(MapsFolder(found.maps), found.category)
    drawn = Overlays(folder, scores_of, outlines, scale, found.map_limit, watch.see)
    framed = drawn.write(samples, {one.sample.id: _told(found, one) for one in judged})
    boxes = [{"file": given.file_of(one, config.new), **box.as_dict()} for one in samples for box in framed[one.id]]
    files.write_csv(folder.overlays.boxes, INSPECT_BOXES_COLUMNS, boxes)
    rows = [_row(one, config.new) for one in judged]
    files.write_csv(folder.table, layout.INSPECT_COLUMNS, rows + given.rows_without(unread, new, config.new, refused))
    shutil.rmtree(work, ignore_errors=True)
    alike = _alike(found, placed, limit, config.alike)
    return _result(found, judged, config.new) | {
        "changed": watch.changes({one.id: given.file_of(one, config.new) for one in samples}),
        "new_kind": _new_kind(placed, limit),
        "alike": [[given.file_of(judged[i].sample, config.new) for i in group] for group in alike],
        **_left_out(unread, refused, config.new),
    }


def _refused(scores: NewScores, unread: Sequence[Sample]) -> dict[str, str]:
    """Why there is no map of images that could be read, by their ids."""
    return {one.id: NO_NUMBERS.format(scores.detector) for one in unread if one.id in scores.refused}


def _left_out(unread: Sequence[Sample], refused: Mapping[str, str], new: Path) -> dict[str, object]:
    """Files that have no map, and those of them to which the detector gave no numbers."""
    names = [given.file_of(one, new) for one in unread if one.id in refused]
    return {"skipped": [given.file_of(one, new) for one in unread], **({"not_finite": names} if names else {})}


def _looked(config: InspectConfig, found: Chain) -> ClassesFolder:
    """Where what is described for the classes lies; what a kill left of other classes is of no use."""
    return ClassesFolder(config.out / WORK / str(_decided(config, found)["classes"]))


def _score(config: InspectConfig, found: Chain, samples: Sequence[Sample]) -> NewScores:
    """Write the maps of some images that are not there yet."""
    looked, work = _looked(config, found), config.out / WORK
    return scoring.score(found, samples, InspectedFolder(config.out), config.engine_choice, work, looked)


def _result(found: Chain, judged: Sequence[Judged], new: Path) -> dict[str, Any]:
    """What is to be told of the images that were judged."""
    plain = "" if found.classes is None else found.classes.called(layout.NORMAL_CLASS)
    accepted = [one.image_score for one in judged if one.decision == layout.OK and one.name == plain]
    drift = alarms.drift(accepted, found.normal_scores, found.limit)
    return {
        "images": len(judged),
        "rejected": sum(one.decision == layout.NOT_OK for one in judged) if found.limit is not None else None,
        "limit": found.limit,
        "classes": _counts(found, judged, new),
        "drift": None if drift is None else asdict(drift),
    }


def _runtime(found: Chain, classes: StoredClasses, chosen: EngineChoice, opened: Backbone | None) -> PredictionRuntime:
    own = classes.card.backbone == found.note.settings.backbone
    return PredictionRuntime(chosen if own else replace(chosen, weights=None), opened)


def _judge(
    found: Chain, placed: Predicted | None, limit: float | None, index: int, one: Sample, score: float
) -> Judged:
    decision = decision_of(score, found.limit)
    if placed is None or limit is None or found.classes is None:
        return Judged(one, score, decision, "", None)
    far = float(placed.distance[index])
    if far > limit:
        return Judged(one, score, decision, layout.UNKNOWN_CLASS, 1 - limit / far)
    name = found.classes.called(found.classes.names[int(placed.images.labels[index])])
    return Judged(one, score, decision, name, float(placed.images.confidence[index]))


def _alike(found: Chain, placed: Predicted | None, limit: float | None, least: int) -> list[list[int]]:
    """Groups of images that are of no known class, but alike."""
    if placed is None or limit is None or found.classes is None:
        return []
    strangers = np.flatnonzero(placed.distance > limit)
    groups = alarms.groups(placed.points[strangers], found.classes.reach(limit), least)
    return [strangers[group].tolist() for group in groups]


def _new_kind(placed: Predicted | None, limit: float | None) -> int:
    """How many anomalous images together are perhaps of a new kind; 0 for none, or if nobody wants to know."""
    if placed is None or limit is None or math.isinf(limit):
        return 0
    return len(placed.ranks) if alarms.is_new(placed.ranks) else 0


def _outlines(work: ClassesFolder) -> Callable[[Sample], Bools | None]:
    def of(one: Sample) -> Bools | None:
        return arrays.read_mask(work.binary(one.id))

    return of


def _told(found: Chain, one: Judged) -> Told:
    sure = "" if one.confidence is None else f"{one.confidence:.2f}"
    text = drawing.caption(one.image_score, one.decision, found.limit, one.name, sure)
    return Told(text, one.decision == layout.NOT_OK)


def _row(one: Judged, new: Path) -> dict[str, object]:
    return {
        "file": given.file_of(one.sample, new),
        "image_score": one.image_score,
        "decision": one.decision,
        "class": one.name,
        "confidence": one.confidence,
    }


def _counts(found: Chain, judged: Sequence[Judged], new: Path) -> list[dict[str, object]]:
    """One line a class: how many, how many of them are not OK, and the surest of them."""
    counts = Counter(one.name for one in judged)
    lines = []
    for name in sorted(counts, key=lambda name: (name == layout.UNKNOWN_CLASS, name != layout.NORMAL_CLASS, name)):
        members = [one for one in judged if one.name == name]
        best = max(members, key=lambda one: (one.confidence or 0.0, one.image_score))
        rejected = sum(one.decision == layout.NOT_OK for one in members)
        line: dict[str, object] = {"class": name or "-", "images": len(members)}
        line |= {"NOK": rejected} if found.limit is not None else {}
        lines.append({**line, "example": given.file_of(best.sample, new)})
    return lines


def _tell(outcome: Outcome, result: Mapping[str, Any]) -> None:
    """What a person sees: lines by class, and what to look at."""
    outcome.rows = list(result["classes"])
    outcome.document = {"command": COMMAND, "out": outcome.out.as_posix(), **result, **noting.boxes(outcome.out)}
    say = outcome.notes.append
    decided = "no limit, so no OK or NOK" if result["rejected"] is None else f"{result['rejected']} NOK"
    images = "1 image" if result["images"] == 1 else f"{result['images']} images"
    say(f"{images}, {decided}; see {InspectedFolder(outcome.out).table} and overlays/ beside it.")
    for group in result["alike"]:
        log.warning("%d unknown images look alike, perhaps a new class: %s", len(group), first_few(group, SHOWN))
    if count := result.get("new_kind"):
        log.warning(
            "The %d different NOK parts lie farther from all known anomalies than those lie from each other: perhaps a "
            "new class. Put them among the test images, and run `adtool maps` and `adtool discover` again to have it.",
            count,
        )
    if drift := result["drift"]:
        way = "higher" if drift["higher"] > 0.5 else "lower"  # noqa: PLR2004, even chances
        log.warning(
            "Accepted parts score %s than the normal images did (median %.3g instead of %.3g). Has the light, the "
            "camera or the material changed? If it shall stay so, learn again from new normal images.",
            way, drift["accepted"], drift["normal"],
        )  # fmt: skip
    light.say(result.get("changed", []))  # not noted by earlier versions
    if refused := result.get("not_finite", []):
        named = first_few(refused, SHOWN)
        say(f"skipped {counted(len(refused), 'image')} with NaN or infinite scores of the detector: {named}")
    if skipped := [one for one in result["skipped"] if one not in refused]:
        say(f"skipped {counted(len(skipped), 'unreadable image')}: {first_few(skipped, SHOWN)}")
