"""The step's trained method: crops of a category, and of the base set, to classes of crops."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adtool.core import files
from adtool.core.errors import BadDataError
from adtool.discover import assign, base, cluster, learn, losses
from adtool.discover.assign import Classes
from adtool.discover.cluster import Embedding
from adtool.discover.config import TrainSettings
from adtool.discover.features import Item
from adtool.discover.learn import Learned, Material, Place
from adtool.discover.trunk import Frozen

CURVES = "curves.json"


def gather(items: list[Item], scores: NDArray[np.float64], folder: Path | None) -> Material:
    """Crops of a category with their scores (0 to 1, normal below one half), and those of a base set."""
    labelled = base.read(folder) if folder is not None else base.NOTHING
    share = losses.normality(torch.from_numpy(scores)).numpy()
    return Material(items, share, labelled.items, labelled.labels)


def classify(
    material: Material,
    scores: NDArray[np.float64],
    count: int | None,
    train: TrainSettings,
    frozen: Frozen,
    place: Place,
) -> Classes:
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
    if count is None:
        features = learn.untrained(material, frozen, train, place)
        points = Embedding.fit(features, np.ones(features.shape[1]), scores).points(features, scores)
        count = cluster.best_count(points, np.random.default_rng(place.seed))
    if len(material.items) < count:
        raise BadDataError(f"There are {len(material.items)} crops for {count} classes. Give a smaller --classes.")
    learned = learn.learn(material, frozen, count, train, place)
    write_curves(place.folder.parent, learned)
    return assign.from_logits(learned.logits, scores, material.n_base, _saved(learned))


def write_curves(folder: Path, learned: Learned) -> None:
    """The losses of every epoch, and which head was taken."""
    files.write_json(folder / CURVES, {"head": learned.trained.head, "epochs": learned.trained.curves})


def _saved(learned: Learned) -> dict[str, NDArray[np.floating]]:
    """What predicts: the last part of the network, and the best head."""
    state = {f"last.{name}": value for name, value in learned.learner.last.state_dict().items()}
    state["head"] = learned.learner.heads.weight[learned.trained.head].detach()
    return {name: value.float().cpu().numpy() for name, value in state.items()}
