"""From images to scores: a detector says what features mean, and here they are got for it."""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from adtool.core import arrays
from adtool.core.config import Config
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.core.progress import track
from adtool.detection import feature_cache, model_files
from adtool.detection.contract import Comparison, CrossFitting, LearningDetector, Model, Rebuilding, Scored
from adtool.detection.frame import Frame
from adtool.detection.normal_images import NormalImages
from adtool.nn import seeding
from adtool.nn import training_checkpoint as checkpoint
from adtool.nn.feature_reader import NO_MARGINS, Seeable, SeenImage

log = logging.getLogger("adtool")


class Scorer(Protocol):
    """Whatever scores images."""

    @property
    def frame(self) -> Frame:
        """What it runs in: backbone, image size ..."""

    @property
    def name(self) -> str:
        """Of its detector."""

    @property
    def refused(self) -> list[str]:
        """Ids of the images that it gave NaN or infinite scores."""

    def score(self, samples: Iterable[Sample]) -> Iterator[Scored]:
        """Score images; what can't be read, or gets no finite scores, is skipped and said."""


def checked(scored: object, name: str) -> Scored:
    """What a detector says of an image, if it is a map and a score.

    Raises:
        UsageError: it is not; the detector is named.
    """
    if not isinstance(scored, Scored):
        raise UsageError(f"The detector '{name}' gives a {type(scored).__name__} for an image; a Scored is wanted.")
    whose = f"that the detector '{name}' gives for {scored.sample.image}"
    scores = arrays.as_map(scored.scores, f"The map {whose}", UsageError)
    score = arrays.as_score(scored.image_score, f"The image score {whose}", UsageError)
    return replace(scored, scores=scores, image_score=score)


def usable(scored: Iterable[Scored], name: str, refused: list[str] | None = None) -> Iterator[Scored]:
    """What a detector says of images, without those of which it says NaN or infinity; they are skipped and said.

    Args:
        scored: what it says.
        name: of the detector.
        refused: where their ids are added.
    """
    for one in scored:
        if np.isfinite(one.scores).all() and math.isfinite(one.image_score):
            yield one
            continue
        if refused is not None:
            refused.append(one.sample.id)
        log.warning("skipped 1 image: the detector '%s' gives NaN or infinite scores for %s.", name, one.sample.image)


def whole(scored: Scored, seen: SeenImage) -> Scored:
    """What a model says of an image, with a map of all of it.

    Beyond what the network saw it has the nearest inside; outside of the part to look at, the lowest score.
    """
    if seen.margins != NO_MARGINS:
        scored = replace(scored, scores=np.pad(scored.scores, seen.margins, mode="edge"))
    look_at = seen.sample.reading.look_at
    if look_at is None or look_at.problem(seen.picture):
        return scored
    return replace(scored, scores=look_at.only_inside(scored.scores, seen.picture))


def rebuilt(model: Rebuilding, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
    """`model.rebuild` of all of an image; beyond what the network saw there is the nearest inside, as in `whole`."""
    features, made = model.rebuild(seen)
    if seen.margins == NO_MARGINS:
        return features, made
    return [_beyond(one, seen) for one in features], [_beyond(one, seen) for one in made]


def _beyond(layer: Tensor, seen: SeenImage) -> Tensor:
    (above, below), (left, right) = seen.margins
    step = seen.size[0] // layer.shape[-2]
    sides = [left // step, right // step, above // step, below // step]
    return F.pad(layer[None], sides, mode="replicate")[0]


@dataclass(frozen=True)
class OpenedModel:
    """A detector that has learned, in its frame.

    Attributes:
        model: what it learned.
        frame: what it runs in.
        groups: of near duplicates, by file, among the normal images that it can score as if it had not learned them.
        name: of the detector.
        refused: ids of the images that it gave NaN or infinite scores.
    """

    model: Model
    frame: Frame
    groups: Mapping[Path, int] = field(default_factory=dict)
    name: str = "unnamed"
    refused: list[str] = field(default_factory=list, compare=False)

    def ask(self, seen: SeenImage, without: int | None = None) -> Scored:
        """What the model says of what the network saw of an image; as if it did not know a group of near duplicates.

        Raises:
            UsageError: that is no map, or no score.
        """
        if without is not None and isinstance(self.model, CrossFitting):
            return checked(self.model.score_without(seen, without), self.name)
        return checked(self.model.score(seen), self.name)

    def score(self, samples: Iterable[Seeable]) -> Iterator[Scored]:
        """Score images in their order; what can't be read, or gets no finite scores, is skipped and said."""
        yield from self.score_seen(self.frame.see(samples))

    def score_seen(self, images: Iterable[SeenImage]) -> Iterator[Scored]:
        """The same of what was seen already."""
        yield from usable((whole(self.ask(seen), seen) for seen in images), self.name, self.refused)

    def score_as_new(self, samples: Iterable[Seeable]) -> Iterator[Scored]:
        """The same for normal images, and what was painted on them: without what was learned from those in `groups`."""
        seen = self.frame.see(samples)
        yield from usable((whole(self.ask(one, self.groups.get(one.sample.image)), one) for one in seen), self.name)


def fit(detector: LearningDetector, normals: NormalImages, settings: Config) -> OpenedModel:
    """Learn from normal images; the same on every run."""
    with seeding.repeatable(normals.frame.backbone.device):
        return OpenedModel(detector.fit(normals, settings), normals.frame, name=normals.folder.detector)


def save(opened: OpenedModel, name: str, settings: Config, folder: ModelFolder, card: Mapping[str, object]) -> None:
    """Write a model, and remove what its training kept.

    Args:
        opened: the model.
        name: of its detector.
        settings: of its detector.
        folder: where.
        card: what else its card shall hold.
    """
    whole = {"detector": name, **opened.model.card(), **card}
    if opened.frame.tiling:
        rule = str(whole.get("image_score_rule", ""))
        whole["image_score_rule"] = rule.replace(arrays.IMAGE_SCORE_RULE, arrays.TILED_SCORE_RULE)
    model_files.write(folder, opened.model.tensors(), settings, opened.frame, whole)
    forget_training(folder)  # only now: until here a kill costs little


def forget_training(folder: ModelFolder) -> None:
    """Remove what a training keeps to go on after a kill."""
    checkpoint.forget(folder.path)
    feature_cache.forget(folder.path)


@seeding.untouched()
def load(detector: LearningDetector, folder: ModelFolder, frame: Frame) -> OpenedModel:
    """A stored model.

    Raises:
        MissingInputError: there is none.
        BadDataError: its files are damaged, or it was made with another backbone.
    """
    stored = model_files.read(folder, frame)
    try:
        model = detector.load(stored, model_files.settings_of(stored.card, detector.Settings, folder))
    except model_files.MISFIT:
        raise model_files.mismatch(folder) from None
    return OpenedModel(model, frame, name=stored.card.detector)


@dataclass(frozen=True)
class ComparedImages:
    """Images that are compared with each other, set by set; `name` and `refused` as of `OpenedModel`."""

    comparison: Comparison
    frame: Frame
    name: str = "unnamed"
    refused: list[str] = field(default_factory=list, compare=False)

    def score(self, samples: Iterable[Sample]) -> Iterator[Scored]:
        """Score images set by set, in their order within it; what can't be read, or gets no finite scores, is skipped.

        A set that none of the images belongs to is not looked at, so that an interrupted run goes on.

        Raises:
            UsageError: an image that is in no set.
            BadDataError: too few images of a set could be read.
        """
        sets = self.comparison.sets
        wanted = {one.id for one in samples}
        if unknown := wanted - {one.id for each in sets for one in each}:
            raise UsageError(f"{min(unknown)} is not among the images that are compared with each other.")
        todo = [each for each in sets if any(one.id in wanted for one in each)]
        for number, each in enumerate(todo):
            started = time.monotonic()
            seen = list(track(self.frame.see(each), "features", len(each)))
            if number == 0:
                self.comparison.foretell(seen, time.monotonic() - started, todo)
            said = self.comparison.score(each, seen)
            beside = {one.sample.id: replace(one, layers=[], whole=[], first=[]) for one in seen}
            del seen  # features of a set take most of the memory, and what is compared is a copy
            for scored in usable((checked(one, self.name) for one in said), self.name, self.refused):
                if scored.sample.id in wanted:
                    yield whole(scored, beside[scored.sample.id])
