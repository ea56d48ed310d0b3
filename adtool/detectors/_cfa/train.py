"""Training of the descriptor: the memory, then epochs of pull and push; it goes on after a kill."""

import io
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from adtool.core import files, progress
from adtool.core.errors import BadDataError
from adtool.detectors._cfa.cache import Cache
from adtool.detectors._cfa.descriptor import Descriptor, joined
from adtool.detectors._cfa.loss import Pull, losses
from adtool.nn import knn

CURVES, STATE = "curves.csv", ".training.pt"
COLUMNS = ("epoch", "loss", "attraction", "repulsion", "radius")
MEASURED = 64  # images that a typical distance is taken from
KMEANS_ITERATIONS = 3000  # the authors' code

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Plan:
    """How long and how fast.

    Attributes:
        epochs: times through all images.
        batch: images a step.
        learn_rate, weight_decay: of AdamW with amsgrad.
        learns_radius: whether it is trained.
        seed: of the order of images.
    """

    epochs: int
    batch: int
    learn_rate: float
    weight_decay: float
    learns_radius: bool
    seed: int


@dataclass
class Learned:
    """What training changes."""

    descriptor: Descriptor
    bank: Tensor
    radius: Tensor


def memory(mean: Tensor, descriptor: Descriptor, *, compression: int, seed: int) -> Tensor:
    """Prototypes of the untrained descriptor, one for each place of the grid, or `compression` times fewer.

    Args:
        mean: (1, C, h, w) mean patch features of the training images. The descriptor is linear, so its output for the
            mean is the mean of its outputs.
        descriptor: not trained yet.
        compression: gamma_c; k-means makes that many times fewer prototypes.
        seed: of k-means.

    Returns:
        (M, D) prototypes.
    """
    with torch.no_grad():
        bank = descriptor(mean)
    count = len(bank) // compression
    if compression == 1 or not count:
        return bank
    found = KMeans(count, n_init=1, max_iter=KMEANS_ITERATIONS, random_state=seed).fit(bank.cpu().numpy())
    return torch.from_numpy(found.cluster_centers_).to(bank)


def mean_patches(cache: Cache, weights: Sequence[float]) -> Tensor:
    """Weighted mean of the patch features of all images: (1, C, h, w)."""
    total: list[Tensor] = []
    for layers, weight in zip(cache.batches(range(len(cache)), 1), weights, strict=True):
        total = [weight * x.double() + (total[i] if total else 0) for i, x in enumerate(layers)]
    return joined([x.float().to(cache.device) for x in total])


def typical_distance(cache: Cache, learned: Learned, nearest: int) -> float:
    """Mean squared distance of the patches of some images to their nearest prototypes."""
    bank = knn.Bank(learned.bank)
    sums = []
    for layers in cache.batches(range(min(MEASURED, len(cache))), 1):
        with torch.no_grad():
            vectors = learned.descriptor(joined([layer.to(cache.device) for layer in layers]))
        sums.append(bank.closest(vectors, nearest)[0].mean())
    return float(torch.stack(sums).mean())


def train(cache: Cache, learned: Learned, pull: Pull, plan: Plan, folder: Path) -> None:
    """Train the descriptor and the radius in place; the last epoch stays.

    After each epoch `folder` holds what is needed to go on, and the curves.
    """
    bank = knn.Bank(learned.bank)
    device = learned.bank.device
    parameters = [*learned.descriptor.parameters(), *([learned.radius] if plan.learns_radius else [])]
    learned.radius.requires_grad_(plan.learns_radius)
    optimizer = torch.optim.AdamW(parameters, plan.learn_rate, weight_decay=plan.weight_decay, amsgrad=True)
    state = State(folder / STATE, learned, optimizer)
    curves = state.read()
    if curves:
        log.info("Goes on after epoch %d of %d.", len(curves), plan.epochs)
    with progress.bar("epochs", plan.epochs) as bar:
        bar.advance(len(curves))
        for epoch in range(len(curves), plan.epochs):
            # A generator of its own for each epoch: going on after a kill takes the same order.
            generator = torch.Generator().manual_seed(plan.seed * 100_003 + epoch)
            order = torch.randperm(len(cache), generator=generator).tolist()
            sums, images = torch.zeros(2, dtype=torch.float64, device=device), 0
            for layers in cache.batches(order, plan.batch):
                patches = joined([layer.to(device) for layer in layers])
                parts = losses(learned.descriptor(patches), bank, learned.radius, pull)
                optimizer.zero_grad()
                torch.autograd.backward(parts[0] + parts[1])
                optimizer.step()
                sums += len(patches) * torch.stack([part.detach() for part in parts])
                images += len(patches)
            attraction, repulsion = (sums / images).tolist()
            values = (epoch + 1, attraction + repulsion, attraction, repulsion, float(learned.radius.detach()))
            curves.append(dict(zip(COLUMNS, values, strict=True)))
            files.write_csv(folder / CURVES, COLUMNS, curves)
            state.write(curves)
            bar.advance(1)
    learned.descriptor.requires_grad_(False)
    learned.radius.requires_grad_(False)


@dataclass
class State:
    """What an interrupted training goes on from."""

    path: Path
    learned: Learned
    optimizer: torch.optim.Optimizer

    def read(self) -> list[dict[str, object]]:
        """Take up the stored state if there is one; the curves so far."""
        if not self.path.exists():
            return []
        try:
            stored = torch.load(self.path, map_location=self.learned.bank.device, weights_only=True)
            self.learned.descriptor.load_state_dict(stored["descriptor"])
            self.optimizer.load_state_dict(stored["optimizer"])
            self.learned.radius.data.copy_(stored["radius"])
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
            raise BadDataError(
                f"{self.path} can't be read ({error}). Remove it, and the training begins anew."
            ) from None
        return stored["curves"]

    def write(self, curves: list[dict[str, object]]) -> None:
        """Store the state; it appears whole or not at all."""
        stored = {
            "descriptor": self.learned.descriptor.state_dict(),
            "radius": self.learned.radius.detach(),
            "optimizer": self.optimizer.state_dict(),
            "curves": curves,
        }
        buffer = io.BytesIO()
        torch.save(stored, buffer)
        files.write_bytes(self.path, buffer.getvalue())
