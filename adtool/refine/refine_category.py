"""Refine the maps of one category, and say how that was decided."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, files
from adtool.core.arrays import Floats, UnreadableImageError
from adtool.core.dataset import looking
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence
from adtool.core.limits.evidence import Evidence
from adtool.core.map_source import MapSource
from adtool.core.progress import track
from adtool.core.steps import resuming
from adtool.core.steps.note_form import NotedBlend, NotedFigures, NotedResult
from adtool.core.steps.step_run import Work
from adtool.detection import as_new
from adtool.metrics.ranking import UndefinedError
from adtool.refine import blending, refined_limit, training_set, validation
from adtool.refine.blending import AS_IT_IS, BlendFigures, BlendRule
from adtool.refine.feature_store import Extractor
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.model import Filter
from adtool.refine.validation import FilteredImage, ValidationSet
from adtool_runtime.refining import mixing
from adtool_runtime.refining.mixing import Mixture

LEVELS, EACH = 4096, 64  # scores that ranks of others' maps are read from, and of each map
REFINED, GIVEN, NOT_JUDGED = "refined", "given", "not judged"
NOTHING = Evidence()

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Blend:
    """How the maps of a category are refined.

    Attributes:
        taken: `refined`, `given` or `not judged`.
        why: in words.
        mixture: of the maps, if it was decided.
        levels: sorted scores of the category, for ranks, if it was not.
        known: what the image scores of refined maps are on held-out normal images and on painted defects.
    """

    taken: str
    why: str
    mixture: Mixture | None = None
    levels: Floats | None = None
    known: Evidence = NOTHING

    def of(self, given: Floats, probability: Floats) -> Floats:
        """One refined map."""
        if self.levels is not None:
            return mixing.mixed_ranks(given, probability, self.levels)
        assert self.mixture is not None
        return self.mixture.of(given, probability)

    def image_score(self, refined: Floats, share: float) -> float:
        """That of a refined map, of which a share is looked at."""
        return (mixing.PLAIN if self.mixture is None else self.mixture.finish).image_score(refined, share)


def usable(given: MapSource, out: Work) -> MapSource:
    """The maps without those that are NaN, which are noted."""
    broken = given.broken_maps()
    out.result |= NotedResult(skipped=sorted(broken)).as_json()
    return given.without(broken)


def scores_of(given: MapSource) -> dict[str, float]:
    """Image scores of the given maps, by id."""
    return {one.id: float(value) for one, value in zip(given.samples, given.image_scores, strict=True)}


def keep(given: MapSource, folder: MapsFolder) -> dict[str, float]:
    """The given maps as they are, and their image scores."""
    name = given.category.name
    for one in track(given.samples, f"keep {name}"):
        if not folder.scores(name, one.id).exists():
            files.link_or_copy(given.maps.scores(name, one.id), folder.scores(name, one.id))
    return scores_of(given)


def settle(given: MapSource, out: Work, rule: BlendRule, mix: Blend) -> None:
    """Write what the limit is made from, and note how image scores come about.

    Args:
        given: the maps that are refined.
        out: the category's folder, and what is noted about it.
        rule: of the mix.
        mix: that was decided.
    """
    noted = given.note.result
    as_given = mix.taken == GIVEN or rule.image_score == "given"
    known = evidence.read(given.folder) if as_given else mix.known
    evidence.write(out.folder, known)
    out.result |= NotedResult(
        images=len(given.samples),
        normals=known.how,
        image_scores="given" if as_given else "refined",
        image_score_rule=noted.image_score_rule if as_given else blending.score_rule(rule.finish),
    ).as_json()
    if noted.second_network:
        out.result |= NotedResult(second_network=noted.second_network).as_json()


def rows(given: MapSource, scores: Mapping[str, float]) -> list[dict[str, object]]:
    """The lines of images.csv before anything is decided, by the image scores of what was written."""
    return [
        {"id": one.id, "kind": one.kind, "image_score": scores[one.id], "decision": ""}
        for one in given.samples
        if one.id in scores
    ]


def write(
    made: Filter, mix: Blend, given: MapSource, eye: Extractor, folder: MapsFolder, own: Mapping[str, float] | None
) -> dict[str, float]:
    """Write the refined maps; those that an interrupted run wrote are kept.

    Args:
        made: the filter.
        mix: of its maps and the given ones.
        given: the latter.
        eye: of the filter.
        folder: to write.
        own: image scores to keep, by id; made from the refined maps if None.

    Returns:
        Image scores by id.
    """
    name = given.category.name
    scores = arrays.written_scores({one.id: folder.scores(name, one.id) for one in given.samples})
    todo = resuming.to_score(given.samples, scores, eye.batch_size)
    lacking = [one for one in given.samples if one.id not in scores]

    def write(one: Sample, found: FilteredImage | None) -> None:
        if one.id in scores:  # seen again for the others of its batch
            return
        before = given.scores(one)
        height, width = before.shape
        refined = mix.of(before, np.zeros_like(before) if found is None else found.probability(height, width))
        refined = looking.only_inside(refined, one)
        scores[one.id] = mix.image_score(refined, looking.share(one)) if own is None else own[one.id]
        arrays.write_scores(folder.scores(name, one.id), refined, scores[one.id])

    for found in track(validation.filtered(made, name, eye, todo), f"refine {name}", len(todo)):
        write(found.sample, found)
    for one in lacking:  # its image can't be read any more, its map can
        write(one, None)
    return scores


def decide(
    made: Filter, given: MapSource, eye: Extractor, out: Work, rule: BlendRule, detectors: MapDetectors
) -> Blend:
    """The mix, from painted images where the detector can be run again, else a fixed one."""
    try:
        seen = painted(made, given, eye, rule.seed, out.folder / "painted", detectors)
    except UndefinedError as error:
        return _unjudged(rule, given, out, str(error))
    try:
        verdict = blending.judge(seen.trials, [one.given for one in seen.clean], rule.weight, rule.finish)
    except UndefinedError as error:
        return _unjudged(rule, given, out, f"the painted images have {error}; give more with --set judged")
    wins = verdict.mixture.weight > 0
    refined = {"auto": wins, "always": True, "never": False}[rule.keep]
    if refined and not wins:
        verdict = blending.insisted(verdict)
    taken = REFINED if refined else GIVEN
    said = why(verdict.given, verdict.best, taken, rule.keep)
    noted = NotedBlend(
        taken=taken,
        decision=said,
        weight=verdict.mixture.weight if refined else 0.0,
        scale=asdict(verdict.mixture.scale),
        on_painted_defects=NotedFigures(given=asdict(verdict.given), refined=asdict(verdict.best)),
    )
    out.result |= {**noted.as_json(), **_finish(rule), "judged": True, "category_recognised": seen.recognised}
    mix = Blend(taken, said, verdict.mixture)
    return replace(mix, known=refined_limit.known(seen, mix.of, mix.image_score, given))


def _finish(rule: BlendRule) -> dict[str, object]:
    """What is noted of how mixed maps are finished; nothing where they are not."""
    return {name: value for name, value in asdict(rule.finish).items() if value}


def painted(
    made: Filter, given: MapSource, eye: Extractor, seed: int, folder: Path, detectors: MapDetectors
) -> ValidationSet:
    """What the maps are judged by: both maps of painted images. They are checked only once one was met that can't be.

    Args:
        made: the filter.
        given: the maps.
        eye: of the filter.
        seed: of what is painted.
        folder: for smaller copies of large images, meanwhile.
        detectors: that made the maps.

    Raises:
        UndefinedError: the detector can't be run again, or no normal image is left to paint on.
    """
    found = detectors.origin(given)
    model, reason = (eye.detector.open(), "") if eye.detector else detectors.again(found)
    held_out = training_set.held_out(given.category, found.seed, found.held_out) if model else []
    if model is not None and found.model is not None:
        model = as_new.reopened(model, found.model, given.category.train)
        held_out = [one for one in held_out if not model.groups or one.image in model.groups]
    if model is None or not held_out:
        raise UndefinedError(reason or validation.TOO_FEW)
    count = made.settings.judged
    try:
        return validation.gather(made, model, eye, held_out, count, seed, folder)
    except UnreadableImageError:
        held_out = training_set.readable(held_out)
    if not held_out:
        raise UndefinedError("no held-out normal image can be read")
    return validation.gather(made, model, eye, held_out, count, seed, folder)


def _unjudged(rule: BlendRule, given: MapSource, out: Work, reason: str) -> Blend:
    """The mix where there is nothing to judge by: as it was asked for, else half of each, by rank."""
    said = f"not judged ({reason})"
    if rule.weight and rule.keep == "always":
        noted = NotedBlend(taken=REFINED, decision=said, weight=rule.weight, scale=asdict(AS_IT_IS))
        out.result |= {**noted.as_json(), **_finish(rule), "judged": False}
        return Blend(REFINED, said, Mixture(AS_IT_IS, rule.weight, rule.finish))
    keep = rule.keep
    taken = GIVEN if keep == "never" else NOT_JUDGED
    out.result |= {**NotedBlend(taken=taken, decision=said).as_json(), "judged": False}
    return Blend(GIVEN, said) if keep == "never" else Blend(NOT_JUDGED, said, levels=levels(given))


def mix_again(result: NotedBlend, given: Callable[[], MapSource]) -> Blend:
    """The mix that a finished category notes, for new images.

    Args:
        result: of its note.
        given: the maps that were refined; read only where nothing was judged.

    Raises:
        BadDataError: the note is of an adtool that did not keep what is needed.
    """
    if result.taken != REFINED:
        return Blend(result.taken, result.decision, levels=levels(given()) if result.taken == NOT_JUDGED else None)
    mixture = blending.noted_mixture(result)
    if mixture is None:
        raise BadDataError("The refined maps don't say how they were mixed. Run `adtool refine --force`.")
    return Blend(result.taken, result.decision, mixture)


def why(before: BlendFigures, after: BlendFigures, taken: str, keep: str) -> str:
    """What is said of a decision, by the figures on painted defects."""
    figures = (
        f"on painted defects pixel AP {before.pixel_ap:.3f} -> {after.pixel_ap:.3f}, "
        f"AUPRO {before.aupro:.3f} -> {after.aupro:.3f}"
    )
    asked = "" if keep == "auto" else f" (--keep {keep})"
    return f"{'refined' if taken == REFINED else 'the given maps are kept'}{asked}: {figures}"


def levels(given: MapSource) -> Floats:
    """Scores spread evenly over all maps of the category, sorted; a few of each map, so that memory is bounded."""
    drawn: list[NDArray[np.float32]] = []
    for one in given.samples:
        scores = np.sort(given.scores(one), axis=None)
        drawn.append(scores[np.linspace(0, scores.size - 1, EACH).round().astype(int)])
    values = np.sort(np.concatenate(drawn))
    return values[np.linspace(0, len(values) - 1, min(LEVELS, len(values))).round().astype(int)]


def line(category: str, result: NotedResult) -> dict[str, object]:
    """The category's line of the table."""
    figures = result.on_painted_defects or NotedFigures()

    def change(name: str) -> str:
        given, refined = figures.given.get(name), figures.refined.get(name)
        return "-" if given is None or refined is None else f"{given:.3f} -> {refined:.3f}"

    return {
        "category": category,
        "images": result.images or 0,
        "taken": result.taken,
        "weight": "-" if result.weight is None else result.weight,
        "pixel AP (painted)": change("pixel_ap"),
        "AUPRO (painted)": change("aupro"),
        "image AUROC (painted)": change("image_auroc"),
    }
