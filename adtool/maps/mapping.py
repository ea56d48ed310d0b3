"""What all of a category's maps, or a shard of them, are made with: the model, the images, what is noted of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core import arrays, layout, model_cards
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import MissingInputError
from adtool.core.layout import ModelFolder
from adtool.core.limits import evidence
from adtool.core.limits.evidence import Evidence
from adtool.core.progress import track
from adtool.core.shards.shard_files import SPEED
from adtool.core.steps import resuming
from adtool.core.steps.note_form import NotedResult
from adtool.detection import added, origin
from adtool.detection import store as stored
from adtool.detection.contract import ComparingDetector, compares
from adtool.detection.scoring import ComparedImages, Scorer
from adtool.detection.store import ChosenDetector


@dataclass(frozen=True)
class ReadyModel:
    """What scores images, with what is known of the scores it gives.

    Attributes:
        scorer: a model of one category, or of all; or images that are compared with each other.
        known: scores of the category's normal images and of painted defects.
        rule: how an image score comes about.
        folder: where the model lies, if it is stored.
        added: ids of test images that it was given as good parts, which figures leave out.
    """

    scorer: Scorer
    known: Evidence
    rule: str
    folder: ModelFolder | None = None
    added: Sequence[str] = ()

    def refused(self, unread: Sequence[str]) -> list[str]:
        """Of the ids of images that have no map, those to which it gave NaN or infinite scores."""
        return [one for one in unread if one in set(self.scorer.refused)]


def lacking(category: Category, name: str) -> str:
    """What a category lacks to be worked on by a detector of that name, empty if nothing."""
    if not category.test:
        return f"{category.path} has no test images ({layout.TEST}/<kind>/)."
    return "" if compares(name) else stored.lacks_normals(category, name)


def require_images(category: Category, name: str) -> None:
    """Refuse a category that lacks images.

    Raises:
        MissingInputError: it does.
    """
    if why := lacking(category, name):
        raise MissingInputError(why)


def ready(
    chosen: ChosenDetector,
    category: Category,
    learned_from: Category,
    samples: Sequence[Sample],
    models: Path,
    *,
    force: bool,
) -> ReadyModel:
    """The stored model if it fits, else a new one; of a detector that learns nothing, the images to compare.

    Args:
        chosen: the detector.
        category: whose images are scored.
        learned_from: see `store.source`.
        samples: all images of the category that are scored, by this process or another.
        models: the folder of all models.
        force: learn again what fits.
    """
    if isinstance(chosen.detector, ComparingDetector):
        comparison = chosen.detector.compare(samples, chosen.settings, chosen.frame)
        return ReadyModel(
            ComparedImages(comparison, chosen.frame, chosen.name), Evidence(), comparison.image_score_rule
        )
    folder = stored.folder_of(chosen.name, learned_from.name, models)
    model = stored.fit_or_load(chosen, learned_from, models, force=force)
    known, rule = evidence.of_model(folder, category.name), model_cards.image_score_rule(folder)
    return ReadyModel(
        model, known, rule, folder, added.among(category, added.folder_of(chosen.name, category.name, models))
    )


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


def noted(learned: ReadyModel, category: Category, count: int, unread: list[str], out: Path) -> dict[str, object]:
    """What the note of a category, or of a shard of it, says of its maps in `out`: `count` were made, some not."""
    second = learned.scorer.frame.beside
    result = NotedResult(
        image_score_rule=learned.rule,
        normals=learned.known.how,
        images=count,
        skipped=unread,
        left_out=list(category.unread),
        added=list(learned.added),
    )
    if refused := learned.refused(unread):
        result = result.model_copy(update={"not_finite": refused})
    if second is not None:
        result = result.model_copy(update={"second_network": second.backbone.name})
    return {**result.as_json(), SPEED: 0.0, **(origin.noted(learned.folder, out) if learned.folder else {})}


def row(one: Sample, score: float) -> dict[str, object]:
    """The line of an image in images.csv, before anything is decided."""
    return {"id": one.id, "kind": one.kind, "image_score": score, "decision": ""}


def asked_for(category: Category, count: int | None, seed: int) -> list[Sample]:
    """The test images of a category, or as many as are asked for, drawn by the seed."""
    samples = category.test
    if count is None or count >= len(samples):
        return list(samples)
    chosen = np.random.default_rng(seed).choice(len(samples), size=count, replace=False)
    return [samples[i] for i in sorted(chosen)]
