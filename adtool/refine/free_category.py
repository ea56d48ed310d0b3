"""Refine the maps of one category without a trained filter, and say how that was decided."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from adtool.core import arrays
from adtool.core import config as settings_of
from adtool.core.arrays import Bools, Floats, UnreadableImageError
from adtool.core.dataset import looking
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.map_source import MapSource
from adtool.core.progress import track
from adtool.core.steps.note_form import NotedBlend, NotedFigures, StepNote
from adtool.core.steps.step_run import Work
from adtool.detection import as_new
from adtool.detection.scoring import OpenedModel
from adtool.metrics.ranking import UndefinedError
from adtool.nn.feature_reader import Picture
from adtool.refine import blending, refine_category, training_set, validation
from adtool.refine.blending import BlendFigures, BlendRule, PaintedTruth
from adtool.refine.config import FreeSettings
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.refine_category import GIVEN, NOT_JUDGED, REFINED, Blend
from adtool_runtime import parallel
from adtool_runtime.refining import mixing
from adtool_runtime.refining.free import FreeFilter
from adtool_runtime.refining.mixing import ScoreScale

LOST, LOST_REGIONS = 0.02, 0.005  # of pixel AP and AUPRO together, and of AUPRO, that may be chance
EACH = 32  # scores along each side of a map that its category's scale is made from


def scale_of(given: MapSource) -> ScoreScale:
    """What the scores of a category's maps are: the median, and what one in a hundred exceeds."""

    def some(one: Sample) -> Floats:
        scores = given.scores(one)
        return scores[:: max(1, scores.shape[0] // EACH), :: max(1, scores.shape[1] // EACH)].ravel()

    zero, one = np.percentile(np.concatenate([some(one) for one in given.samples]), blending.CLEAN)
    return ScoreScale(float(zero), float(one))


def again(note: StepNote) -> FreeFilter | None:
    """What refined the maps of a finished category, for new images; None where the given maps were kept.

    Raises:
        BadDataError: the note does not say.
    """
    if note.result.taken == GIVEN:
        return None
    noted, scale = note.all_settings, note.result.scale or {}
    try:
        known = {name: noted[name] for name in FreeSettings.model_fields}
        settings = settings_of.parse(FreeSettings, known, where="settings")
        return FreeFilter(settings, ScoreScale(scale["zero"], scale["one"]))
    except (KeyError, UsageError):
        raise BadDataError("The refined maps don't say how they were made. Run `adtool refine --force`.") from None


def write(made: FreeFilter, given: MapSource, folder: MapsFolder, rule: BlendRule) -> dict[str, float]:
    """Write the refined maps; those that an interrupted run wrote are kept. Image scores by id."""
    name, own = given.category.name, refine_category.scores_of(given)
    scores = arrays.written_scores({one.id: folder.scores(name, one.id) for one in given.samples})
    todo = [one for one in given.samples if one.id not in scores]

    def work(one: Sample) -> Floats:
        before = given.scores(one)
        try:
            return looking.only_inside(made.refined(before, arrays.read_image(one.image, one.reading)), one)
        except UnreadableImageError:  # its map can be read
            return before

    for one, refined in track(parallel.prefetch(todo, work), f"refine {name}", len(todo)):
        scores[one.id] = own[one.id] if rule.image_score == "given" else image_score(refined, looking.share(one))
        arrays.write_scores(folder.scores(name, one.id), refined, scores[one.id])
    return scores


def image_score(refined: Floats, share: float) -> float:
    """That of a refined map, of which a share is looked at."""
    return mixing.PLAIN.image_score(refined, share)


def decide(
    made: FreeFilter, given: MapSource, out: Work, rule: BlendRule, detectors: MapDetectors, judged: int
) -> Blend:
    """Whether the maps are refined: unless that is clearly worse on so many painted images."""
    refuses = rule.keep == "never"
    try:
        model, normals = painted_on(given, detectors)
        seen = _painted(made, model, normals, judged, rule.seed, out.folder / "painted")
    except UndefinedError as error:
        mix = Blend(GIVEN if refuses else NOT_JUDGED, f"not judged ({error})")
        out.result |= NotedBlend(taken=mix.taken, decision=mix.why, scale=asdict(made.scale)).as_json()
        return mix
    wins = not _is_worse(seen.given, seen.refined)
    taken = REFINED if rule.keep == "always" or (wins and not refuses) else GIVEN
    mix = Blend(taken, refine_category.why(seen.given, seen.refined, taken, rule.keep))
    figures = NotedFigures(given=asdict(seen.given), refined=asdict(seen.refined))
    noted = NotedBlend(taken=taken, decision=mix.why, scale=asdict(made.scale), on_painted_defects=figures)
    out.result |= noted.as_json()
    if mix.taken == GIVEN or rule.image_score == "given":
        return mix
    return replace(mix, known=_known(made, model, normals, given, seen.scores))


def painted_on(given: MapSource, detectors: MapDetectors) -> tuple[OpenedModel, Sequence[Sample]]:
    """The model that made the maps, which sees painted images as new ones, and the normal images to paint on.

    Raises:
        UndefinedError: it can't be run again, or there are too few of them.
    """
    found = detectors.origin(given)
    model, reason = detectors.again(found)
    normals: Sequence[Sample] = training_set.held_out(given.category, found.seed, found.held_out) if model else []
    if model is not None and found.model is not None:
        model = as_new.reopened(model, found.model, given.category.train)
        normals = [one for one in given.category.train if one.image in model.groups] or normals
    if model is None or not normals:
        raise UndefinedError(reason or validation.TOO_FEW)
    return model, normals


def _is_worse(before: BlendFigures, after: BlendFigures) -> bool:
    """Whether painted defects clearly lose.

    Nothing was learned from them, so they don't flatter the refined maps; but plain ones lie evenly inside, which real
    ones seldom do, and a few dozen of them leave a doubt of so much.
    """
    lost = before.pixel_ap + before.aupro - after.pixel_ap - after.aupro
    return lost > LOST or before.aupro - after.aupro > LOST_REGIONS


@dataclass(frozen=True)
class PaintedImages:
    """Figures of the given and the refined maps of painted images, and image scores of the latter."""

    given: BlendFigures
    refined: BlendFigures
    scores: list[PaintedScore]


def _painted(
    made: FreeFilter, model: OpenedModel, normals: Sequence[Sample], judged: int, seed: int, folder: Path
) -> PaintedImages:
    """Look at so many painted images.

    Raises:
        UndefinedError: no painted image shows a defect.
    """
    masks: list[Bools] = []
    given_maps: list[Floats] = []
    refined_maps: list[Floats] = []
    scores: list[PaintedScore] = []
    waiting: dict[str, tuple[Picture, Bools]] = {}

    def pictures() -> Iterator[Picture]:
        drawn = validation.painted_images(normals, model.frame.image_size, judged, seed, folder)
        for picture, mask in drawn:
            waiting[picture.sample.id] = (picture, mask)
            yield picture

    for one in track(model.score_as_new(pictures()), "painted defects", judged):
        picture, mask = waiting.pop(one.sample.id)
        refined = made.refined(one.scores, picture.pixels)
        masks.append(mask)
        given_maps.append(blending.small(one.scores))
        refined_maps.append(blending.small(refined))
        if mask.any():
            score = image_score(refined, picture.share)
            scores.append(PaintedScore(one.sample.id, validation.PAINTED, float(mask.mean()), score))
    shutil.rmtree(folder, ignore_errors=True)
    truth = PaintedTruth(masks)
    return PaintedImages(truth.figures(given_maps), truth.figures(refined_maps), scores)


def _known(
    made: FreeFilter, model: OpenedModel, normals: Sequence[Sample], given: MapSource, painted: Sequence[PaintedScore]
) -> Evidence:
    """Image scores of the refined maps of normal images, with those of painted ones."""
    groups = {one.id: one.group for one in evidence.read(given.folder).normals}
    found = []
    for one in track(model.score_as_new(normals), "normal images", len(normals)):
        picture = arrays.read_image(one.sample.image, one.sample.reading)
        score = image_score(made.refined(one.scores, picture), looking.share(one.sample))
        found.append(NormalScore(one.sample.id, score, groups.get(one.sample.id, one.sample.id)))
    return Evidence(found, painted, given.note.result.normals or evidence.HELD_OUT)
