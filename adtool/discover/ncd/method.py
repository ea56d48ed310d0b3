"""The step's trained method: crops of a category, and of the base set, to classes of crops."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from adtool.core import files
from adtool.core.errors import BadDataError
from adtool.core.words import counted
from adtool.discover import assign
from adtool.discover.assign import DiscoveredClasses
from adtool.discover.config import TrainSettings
from adtool.discover.free import count as kinds
from adtool.discover.free.count import Estimate
from adtool.discover.free.features import Item
from adtool.discover.ncd import augment, base_set, fit, loop, losses, tokens
from adtool.discover.ncd.fit import FitResult, FitRuntime, TrainingCrops
from adtool.discover.ncd.tokens import ViewPlan
from adtool.discover.ncd.trunk import Frozen
from adtool.nn import seeding, weight_files
from adtool_runtime.classes import placing, vectors

CURVES = "curves.json"
LAST = "last."  # before the names of the tensors of the network's last part


class MisfitError(ValueError):
    """Tensors that are not those of the network."""


def gather(
    items: list[Item], scores: NDArray[np.float64], folder: Path | None, given: NDArray[np.int64] | None = None
) -> TrainingCrops:
    """Crops of a category with their scores (0 to 1, normal below one half), and those of a base set.

    Args:
        items: R crops.
        scores: (R,).
        folder: of the base set, if there is one.
        given: (R,) see `TrainingCrops`.
    """
    labelled = base_set.read(folder) if folder is not None else base_set.NOTHING
    share = losses.normality(torch.from_numpy(scores)).numpy()
    return TrainingCrops(items, share, labelled.items, labelled.labels, given)


def classify(
    material: TrainingCrops,
    scores: NDArray[np.float64],
    count: int | None,
    train: TrainSettings,
    frozen: Frozen,
    place: FitRuntime,
) -> DiscoveredClasses:
    """Train on the crops of a category and classify them.

    Args:
        material: R crops, and those of the base set.
        scores: (R,) how anomalous the crops are, 0 to 1.
        count: number of classes, the normal one included; None chooses it on the untrained features.
        train: `--set`.
        frozen: the network.
        place: where.

    Raises:
        BadDataError: fewer crops than classes.
    """
    estimate = None
    if count is None:
        estimate = _estimate(fit.untrained(material, frozen, train, place), scores > placing.NO_STRENGTH, place.seed)
        count = min(1 + estimate.count, len(scores))
    if len(material.items) < count:
        raise BadDataError(
            f"{counted(len(material.items), 'crop')} can't make {count} classes. Give a smaller --classes."
        )
    learned = fit.learn(material, frozen, count, train, place)
    write_curves(place.folder.parent, learned)
    classes = assign.from_logits(learned.logits, scores, material.n_base, _saved(learned))
    return classes if estimate is None else replace(classes, card={**classes.card, assign.AUTO: asdict(estimate)})


def _estimate(features: NDArray[np.float64], is_odd: NDArray[np.bool_], seed: int) -> Estimate:
    """The number of kinds among the odd crops, by how their features differ from the others'."""
    others = features[~is_odd] if (~is_odd).any() else features
    return kinds.estimate(vectors.unit(features[is_odd] - others.mean(axis=0)), np.random.default_rng(seed))


def write_curves(folder: Path, learned: FitResult) -> None:
    """The losses of every epoch, and which head was taken."""
    files.write_json(folder / CURVES, {"head": learned.trained.head, "epochs": learned.trained.curves})


def _saved(learned: FitResult) -> dict[str, NDArray[np.floating]]:
    """What predicts: the last part of the network, and the best head."""
    state = {f"{LAST}{name}": value for name, value in learned.learner.last.state_dict().items()}
    state["head"] = learned.learner.heads.weight[learned.trained.head].detach()
    return {name: value.float().cpu().numpy() for name, value in state.items()}


@torch.no_grad()
def predict(
    saved: Mapping[str, NDArray[Any]],
    items: Sequence[Item],
    frozen: Frozen,
    side: int,
    place: FitRuntime,
    *,
    test_view: str = augment.WHOLE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What was learned, on other crops.

    Args:
        saved: the tensors of `DiscoveredClasses`.
        items: R crops.
        frozen: the network.
        side: of a view, in pixels.
        place: where.
        test_view: what is seen of a crop, as when it was learned.

    Returns:
        (R, D) features of length 1, and (R, base + K) logits.

    Raises:
        MisfitError: what was saved is of another network.
    """
    plan = ViewPlan(side, (tokens.PLAIN,), place.seed, place.batch_size, test_view)
    plain = tokens.collect(items, frozen, place.folder, plan)
    with seeding.untouched():
        last = frozen.last(torch.Generator().manual_seed(place.seed))
    try:
        own = {name: torch.from_numpy(value) for name, value in saved.items() if name.startswith(LAST)}
        last.load_state_dict({name.removeprefix(LAST): value for name, value in own.items()})
    except RuntimeError as error:  # torch's word for other names or shapes
        raise MisfitError(" ".join(str(error).split())) from None
    points = functional.normalize(loop.features(last.to(frozen.device), plain), dim=1).double().cpu()
    if wrong := weight_files.misfit(saved, {"head": ("K", points.shape[1])}):
        raise MisfitError(wrong)
    head = functional.normalize(torch.from_numpy(saved["head"]).double(), dim=1)
    return points.numpy(), (points @ head.T).numpy()
