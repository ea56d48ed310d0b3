"""The trained method: classes of crops by mask-guided representation learning (AnomalyNCD).

The frozen part of the network is run once per view (`tokens.collect`); only its last part and the classifiers are
trained, on the tokens kept from that. `exact` draws new views every epoch, as the reference does.
"""

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch.nn import functional

from adtool.discover.config import TrainSettings
from adtool.discover.free.features import Item
from adtool.discover.ncd import loop, tokens
from adtool.discover.ncd.heads import Heads, ProjectionHead
from adtool.discover.ncd.loop import Learner, LoopResult, LoopSettings, Targets
from adtool.discover.ncd.tokens import Tokens, ViewPlan
from adtool.discover.ncd.trunk import Frozen
from adtool.nn import seeding

STATE = "state.pt"
STARTS = 4  # k-means runs a head; the best is its start


@dataclass(frozen=True)
class TrainingCrops:
    """What is learned from: R crops without labels, and crops of the base set, if there is one.

    Attributes:
        items: the crops; their guides are masks in [0, 1].
        normality: (R,) share of the normal class in a crop's pseudo label.
        base: labelled crops.
        base_labels: (len(base),) their classes, from 0.
        given: (R,) the classes of the crops by the free method, of which 0 is the normal one; None without.
    """

    items: Sequence[Item]
    normality: NDArray[np.float64]
    base: Sequence[Item]
    base_labels: NDArray[np.int64]
    given: NDArray[np.int64] | None = None

    @property
    def n_base(self) -> int:
        """Number of base classes."""
        return int(self.base_labels.max()) + 1 if len(self.base_labels) else 0

    def targets(self) -> Targets:
        """Of the unlabelled crops first, then of the base set."""
        labels = np.concatenate([np.full(len(self.items), -1), self.base_labels])
        given = None if self.given is None else np.concatenate([self.given, np.full(len(self.base), -1)])
        return Targets(labels, np.concatenate([self.normality, np.zeros(len(self.base))]), self.n_base, given)


@dataclass(frozen=True)
class FitResult:
    """What was learned.

    Attributes:
        logits: (R, base + K) of the best head, on the plain views.
        learner: the weights.
        trained: which head is best, and the curves.
    """

    logits: NDArray[np.float64]
    learner: Learner
    trained: LoopResult


@dataclass(frozen=True)
class FitRuntime:
    """Where and how the work is done.

    Attributes:
        folder: for what must survive a kill.
        seed: of everything random.
        batch_size: views that the frozen network takes at once.
    """

    folder: Path
    seed: int
    batch_size: int


def learn(material: TrainingCrops, frozen: Frozen, count: int, settings: TrainSettings, place: FitRuntime) -> FitResult:
    """Train on crops, and predict their classes.

    Args:
        material: the crops.
        frozen: the network.
        count: K, number of classes to discover, the normal one included.
        settings: `--set`.
        place: where.
    """
    seed, folder = place.seed, place.folder
    items = [*material.items, *material.base]
    plain = _plain(material, frozen, settings, place)
    generator = torch.Generator().manual_seed(seed)
    with seeding.untouched():
        last = frozen.last(generator)
        heads = Heads(last.dimension, material.n_base + count, settings.heads, generator)
        learner = Learner(last, heads, ProjectionHead(last.dimension, generator, hidden=settings.hidden)).to(
            frozen.device
        )
    if material.given is not None:
        _start_from_classes(learner, plain, material, material.given)
    elif settings.start == "clusters":
        _start_from_clusters(learner, plain, material, seed)
    fast = None
    if not settings.exact:
        plan = _plan(settings, tuple(range(1, settings.views + 1)), place)
        fast = tokens.collect(items, frozen, folder / "views", plan)

    def views_of(epoch: int) -> Tokens:
        if fast is not None:
            return fast
        shutil.rmtree(folder / f"epoch{epoch - 1}", ignore_errors=True)
        plan = _plan(settings, (2 * epoch + 1, 2 * epoch + 2), place)
        return tokens.collect(items, frozen, folder / f"epoch{epoch}", plan)

    views = 2 if settings.exact else settings.views
    recipe = LoopSettings(settings.epochs, settings.batch, settings.rate, views, seed)
    trained = loop.train(learner, views_of, material.targets(), recipe, folder / STATE)
    return FitResult(_logits(learner, plain, trained.head)[: len(material.items)], learner, trained)


def untrained(
    material: TrainingCrops, frozen: Frozen, settings: TrainSettings, place: FitRuntime
) -> NDArray[np.float64]:
    """Features of the R crops before training, (R, D)."""
    with seeding.untouched():
        last = frozen.last(torch.Generator().manual_seed(place.seed)).to(frozen.device)
    found = loop.features(last, _plain(material, frozen, settings, place))[: len(material.items)]
    return found.double().cpu().numpy()


def _plain(material: TrainingCrops, frozen: Frozen, settings: TrainSettings, place: FitRuntime) -> Tokens:
    plan = _plan(settings, (tokens.PLAIN,), place)
    return tokens.collect([*material.items, *material.base], frozen, place.folder / "plain", plan)


def _plan(settings: TrainSettings, numbers: tuple[int, ...], place: FitRuntime) -> ViewPlan:
    return ViewPlan(settings.side, numbers, place.seed, place.batch_size, settings.test_view)


@torch.no_grad()
def _logits(learner: Learner, plain: Tokens, head: int) -> NDArray[np.float64]:
    logits = learner.heads(loop.features(learner.last, plain))[head]
    found: NDArray[np.float64] = logits.double().cpu().numpy()
    return found


@torch.no_grad()
def _start_from_classes(learner: Learner, plain: Tokens, material: TrainingCrops, given: NDArray[np.int64]) -> None:
    """Let each head's novel classes start as the centres of classes that were found before."""
    features = functional.normalize(loop.features(learner.last, plain)[: len(given)], dim=1)
    for label in np.unique(given):
        learner.heads.weight[:, material.n_base + label] = features[torch.from_numpy(given == label)].mean(dim=0)


@torch.no_grad()
def _start_from_clusters(learner: Learner, plain: Tokens, material: TrainingCrops, seed: int) -> None:
    """Let each head's novel classes start as the centres of another k-means, the most normal one first."""
    features = functional.normalize(loop.features(learner.last, plain)[: len(material.items)], dim=1)
    points = features.double().cpu().numpy()
    heads = learner.heads.weight
    count = heads.shape[1] - material.n_base
    for number in range(len(heads)):
        with warnings.catch_warnings():  # fewer different points than classes, where no image has a region
            warnings.simplefilter("ignore", ConvergenceWarning)
            means = KMeans(count, n_init=STARTS, random_state=seed + number).fit(points)
        sizes = np.bincount(means.labels_, minlength=count)
        normal = np.bincount(means.labels_, material.normality, minlength=count) / np.maximum(sizes, 1)
        first = int(np.argmax(normal))
        order = [first, *(label for label in range(count) if label != first)]
        heads[number, material.n_base :] = torch.from_numpy(means.cluster_centers_[order]).to(heads)
