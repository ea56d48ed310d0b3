"""Models on disk, below models/<detector>/<category>/: what train, maps, refine and inspect share.

Earlier ones of other settings are kept beside the newest (`core.steps.kept_models`). Beside a model lie the scores that
the limit between OK and NOK is made from: of normal images that it did not learn from (normals.csv), because they were
held out or are left out one after the other, and of defects painted on them (painted.csv).
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from adtool.core import files, layout, model_cards
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.model_cards import ModelCard
from adtool.core.pictures import survey
from adtool.core.steps import inventory, kept_models, notes
from adtool.core.steps.step_run import Identity, StepRun, Work
from adtool.detection import added, as_new, choosing, extending, holding_out, interrupted, looks, model_files, scoring
from adtool.detection.choosing import ChosenDetector as ChosenDetector
from adtool.detection.choosing import prepare as prepare
from adtool.detection.contract import CrossFitting, Standardised, is_by_oracle, learner, learns_jointly, shots
from adtool.detection.extending import Extendable
from adtool.detection.frame import Frame
from adtool.detection.normal_images import NormalImages
from adtool.detection.scoring import OpenedModel
from adtool.nn import device as machine
from adtool.nn import precision
from adtool.nn.options import ANY_ENGINE, EngineChoice

log = logging.getLogger("adtool")


def source(chosen: ChosenDetector, data: Dataset, category: Category, models: Path) -> Category:
    """The images that a category's model learns from: its own with those that were added, or those of all categories.

    Raises:
        BadDataError: the table of what was added is damaged.
    """
    if learns_jointly(chosen.detector, chosen.settings):
        return joined(data)
    return added.with_added(category, chosen.name, models)


def joined(data: Dataset) -> Category:
    """The normal images of all categories as one."""
    train = tuple(one for each in data.categories.values() for one in each.train)
    return Category(layout.ALL_CATEGORIES, data.path, train, (), frozenset())


def folder_of(name: str, category: str, models: Path) -> ModelFolder:
    """Where a model lies."""
    return ModelFolder(models / name / category)


def lacks_normals(category: Category, name: str) -> str:
    """What to say of a category without normal images, empty if it has some."""
    if category.train:
        return ""
    return f"{category.path} has no normal images to learn from ({layout.TRAIN}/<normal kind>/), which {name} needs."


def normal_scores(folder: ModelFolder, category: str) -> list[float]:
    """Image scores of a category's held-out normal images, none if there is no such table.

    Raises:
        BadDataError: the table is damaged.
    """
    own = f"{category}/" if folder.category == layout.ALL_CATEGORIES else ""
    return [float(row["image_score"]) for row in folder.normal_rows() if row["id"].startswith(own)]


@contextmanager
def fitting(
    chosen: ChosenDetector, categories: Iterable[Category], models: Path, *, force: bool, replace: bool
) -> Iterator[StepRun]:
    """The run that makes the models of some categories; those that fit are in its outcome's `skipped`.

    Args:
        chosen: the detector.
        categories: to be learned, or `source`s.
        models: the folder of all models.
        force: learn again even what fits.
        replace: learn again what was made with other settings or from other images.

    Raises:
        UsageError: a model was made otherwise, and neither `force` nor `replace` is set.
        MissingInputError: a model that takes long to train lacks files.
        LockedError: another process makes models of this detector.
    """
    run = StepRun(f"fit {chosen.name}", models / chosen.name, force=force, missing=inventory.of_model, keeps=True)
    identities: dict[str, Identity] = {}
    for category in categories:
        identities[category.name] = _identity(chosen, category)
        folder = run.out / category.name
        note = notes.read_note(folder)
        different = identities[category.name].differences(note) if note.is_there else []
        if different and not (
            force or replace or kept_models.find(folder, identities[category.name], inventory.of_model)
        ):
            notes.note_of(folder)  # a damaged one is said as such
            raise UsageError(
                f"{folder} was made with other settings or inputs ({'; '.join(different)}). "
                "Give the same, add --force to learn it again, or choose another --models."
                f"{precision.hint(different)}"
            )
        if chosen.detector.ABOUT.trains and note.is_there and not (different or force):
            _require_whole(folder, chosen.name)
    with run:
        run.plan(identities, replace=True)
        yield run


def _identity(chosen: ChosenDetector, category: Category) -> Identity:
    """Whatever decides the model of a category."""
    inputs = {"train": files.fingerprint((_full_id(one, category), one.image) for one in category.train)}
    exactly = {precision.SETTING: chosen.frame.backbone.precision}  # earlier models name none, and still fit
    inputs |= {"labels": category.label_fingerprint()} if is_by_oracle(chosen.settings) else {}
    settings = {**chosen.identity(), **category.reading.identity(), **exactly}
    return Identity(f"fit {chosen.name}", settings, chosen.frame.seed, inputs, chosen.defaults() | exactly)


def _require_whole(folder: Path, name: str) -> None:
    """What was trained for long is not trained again without being asked."""
    gone = inventory.of_model(folder) if notes.is_done(folder) else []
    if gone:
        raise MissingInputError(
            f"{inventory.files_are(len(gone))} missing in {folder}: {gone[0].name}. Put it back, or train the model "
            f"again: `adtool train {name} --force`."
        )


def learn(chosen: ChosenDetector, category: Category, work: Work, old: Extendable | None = None) -> OpenedModel:
    """Learn one category into its folder, and score normal images that were not learned from.

    Args:
        chosen: the detector.
        category: whose normal images are learned.
        work: its folder.
        old: a model that lacks only what was added since.
    """
    folder = ModelFolder(work.folder)
    if old is not None:
        larger = extending.extend(old, work)
        card = {"category": category.name, "learned_from": len(category.train), "held_out": 0, **_reading(category)}
        scoring.save(larger, chosen.name, chosen.settings, folder, card)
        work.result |= {**old.result, "learned_from": len(category.train), "added": list(old.added)}
        work.result[inventory.FILES] = inventory.names_in(work.folder)
        return larger
    alone = chosen.held_out is None and chosen.detector.ABOUT.cross_fits
    share = 0.0 if alone else chosen.held_out
    held_out, learned, groups = holding_out.split(category.train, chosen.frame.seed, share)
    learned = holding_out.few(learned, shots(chosen.settings), chosen.frame.seed)
    normals = NormalImages(learned, chosen.frame, folder, [] if alone else None, category=category)
    detector = learner(chosen.name)
    model = None if alone else interrupted.saved(detector, folder, chosen.frame)  # what is quick is learned again
    learns = model is None
    if model is None:
        model = scoring.fit(detector, normals, chosen.settings)
        noted = {"learned_from": len(learned), "held_out": len(held_out)}
        card = {"category": category.name, **noted, **_reading(category)}
    if alone and isinstance(model.model, CrossFitting):
        judged = as_new.cross_fitted(model, normals)
    else:
        judged = as_new.held_out(model, held_out, groups)
    looks.write(folder, normals.usual_looks(category.train))
    if learns and not isinstance(model.model, Standardised):  # what took long to learn is safe from here on
        scoring.save(model, chosen.name, chosen.settings, folder, card)
    judged, scored = as_new.scores(judged)
    if learns and isinstance(model.model, Standardised):
        scoring.save(judged.opened, chosen.name, chosen.settings, folder, card)
    as_new.write(folder, judged, scored, lambda one: _full_id(one, category))
    count = len(scored)
    if not count:
        why = holding_out.why_none(chosen.held_out, len(learned) + len(held_out))
        log.warning("%s: %s, so there is no limit.", category.name, why)
    work.result |= {"learned_from": len(learned), "held_out": 0 if alone else count, "normals": judged.how}
    if known := [one.id for one in category.train if added.is_added(one)]:
        work.result["added"] = known
    work.result |= {"threads": torch.get_num_threads(), inventory.FILES: inventory.names_in(work.folder)}
    return judged.opened


def _reading(category: Category) -> dict[str, object]:
    """How the pictures that are learned from are read, as the card notes it."""
    return {"reading": survey.as_learned([one.image for one in category.train], category.reading).as_json()}


def _full_id(one: Sample, learned: Category) -> str:
    """An id that is unique among what a model learns from."""
    return f"{one.category}/{one.id}" if learned.name == layout.ALL_CATEGORIES else one.id


def fit_or_load(chosen: ChosenDetector, category: Category, models: Path, *, force: bool) -> OpenedModel:
    """The stored model if it fits, else a new one; see `fit_if_missing`."""
    fit_if_missing(chosen, category, models, force=force)
    return scoring.load(learner(chosen.name), folder_of(chosen.name, category.name, models), chosen.frame)


def fit_if_missing(chosen: ChosenDetector, category: Category, models: Path, *, force: bool) -> None:
    """Make the model of a category unless one that fits is stored, which is not opened.

    What a detector learns in a minute is replaced without asking, and again with `force`. What it trains for long
    is kept if it fits, and replaced only with `force`.

    Raises:
        UsageError: a trained model was made otherwise.
    """
    trains = chosen.detector.ABOUT.trains
    folder = folder_of(chosen.name, category.name, models)
    old = None
    if not force:  # looked for now, since it is put away once another is made
        old = extending.find(learner(chosen.name), folder, chosen.frame, category, lambda one: _identity(chosen, one))
    with fitting(chosen, [category], models, force=force and not trains, replace=force or not trains) as run:
        if category.name not in run.outcome.skipped:
            if trains:
                log.info("%s: no trained model fits, so %s is trained first.", folder.path, chosen.name)
            with run.category(category.name, keep_going=False) as work:
                learn(chosen, category, work, old)


def open_model(folder: ModelFolder, chosen: EngineChoice = ANY_ENGINE, *, as_learned: bool = True) -> OpenedModel:
    """A stored model with its backbone, as its card names them; `as_learned`: in its own precision, or not at all.

    Raises:
        UsageError: that precision can't be had here.
        MissingInputError: there is no model, or it is not finished.
        BadDataError: its card is damaged, or the weights are of another backbone.
        MissingWeightsError: the backbone's weights were found nowhere.
    """
    machine.pick(chosen.device)  # what is wrong with the options is said as such
    card = _card(folder)
    if as_learned:
        chosen = precision.as_learned(card.precision, chosen, folder.path)
    try:
        detector = learner(card.detector)
        needs = detector.needs(model_files.settings_of(card, detector.Settings, folder), card.backbone)
        network = choosing.network(card.backbone, needs, chosen)
        seed = notes.note_of(folder.path).seed or 0
        frame = Frame(network, card.image_size, chosen.batch_size, seed, needs, card.tiling, card.centre_crop)
        frame = choosing.with_second(frame, chosen)
    except UsageError as error:
        raise BadDataError(f"{folder.card} asks for what can't be had ({error}) {model_cards.remedy(folder)}") from None
    return scoring.load(detector, folder, frame)


def _card(folder: ModelFolder) -> ModelCard:
    remedy = f"Make it with `adtool train {folder.detector}`"
    note = notes.note_of(folder.path)
    if note.is_there and note.state != notes.DONE:
        raise MissingInputError(f"The model {folder.path} is not finished. {remedy}: it goes on.")
    if not folder.card.exists():
        raise MissingInputError(f"No model at {folder.path}. {remedy}.")
    return model_cards.read(folder)
