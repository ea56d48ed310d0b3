"""Training of the last part of the network and its classifiers.

Source: AnomalyNCD's public code: SGD with momentum, no weight decay on biases and other vectors, a learning rate that
falls to a thousandth on half a cosine, and the head with the smallest loss over the last epoch.
"""

import io
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adtool.core import files, progress
from adtool.core.errors import BadDataError
from adtool.discover.ncd import losses, sampler
from adtool.discover.ncd.encoder import LastBlock, LastStage
from adtool.discover.ncd.heads import Heads, ProjectionHead
from adtool.discover.ncd.losses import Batch
from adtool.discover.ncd.tokens import Tokens

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-5
LAST_RATE = 1e-3  # share of the learning rate at the end
PREDICTED_AT_ONCE = 64


class Learner(nn.Module):
    """What is trained."""

    def __init__(self, last: LastBlock | LastStage, heads: Heads, projector: ProjectionHead) -> None:
        super().__init__()
        self.last, self.heads, self.projector = last, heads, projector

    def forward(self, tokens: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, D), (B, M) -> cosine logits (heads, B, K) and projections (B, E)."""
        features = self.last(tokens, kept)
        return self.heads(features), self.projector(features)


@dataclass(frozen=True)
class Targets:
    """What is known of N samples: see `losses.Batch`."""

    labels: NDArray[np.int64]  # (N,)
    normality: NDArray[np.float64]  # (N,)
    n_base: int
    given: NDArray[np.int64] | None = None  # (N,)

    def batch(self, items: NDArray[np.int64], device: torch.device) -> Batch:
        """Those of some samples."""
        labels, share = torch.from_numpy(self.labels[items]), torch.from_numpy(self.normality[items])
        given = None if self.given is None else torch.from_numpy(self.given[items]).to(device)
        return Batch(labels.to(device), share.to(device), self.n_base, given)


@dataclass(frozen=True)
class LoopSettings:
    """How it is trained.

    Attributes:
        epochs: how often all samples are drawn.
        batch_size: samples a batch, two views each.
        rate: learning rate at the start.
        views: how many there are to draw from in an epoch.
        seed: of the order and the choice of views.
    """

    epochs: int
    batch_size: int
    rate: float
    views: int
    seed: int


@dataclass(frozen=True)
class LoopResult:
    """What came out besides the weights."""

    head: int  # the best by its loss
    curves: list[dict[str, float]]  # of each epoch: the mean of every term, the total, and each head's loss


def train(
    learner: Learner, tokens_of: Callable[[int], Tokens], targets: Targets, recipe: LoopSettings, checkpoint: Path
) -> LoopResult:
    """Train in place.

    Args:
        learner: on the device to train on.
        tokens_of: the views of an epoch.
        targets: of the N samples.
        recipe: how.
        checkpoint: written after each epoch; one of the same run is gone on with.

    Raises:
        BadDataError: the checkpoint is damaged.
    """
    device = next(learner.parameters()).device
    optimizer = torch.optim.SGD(_groups(learner), lr=recipe.rate, momentum=MOMENTUM)
    curves = _resume(checkpoint, learner, optimizer)
    for epoch in progress.track(range(len(curves), recipe.epochs), "epochs", recipe.epochs - len(curves)):
        rng = np.random.default_rng([recipe.seed, epoch])  # of its own, so that a resumed run draws the same
        tokens, sums, count = tokens_of(epoch), dict[str, float](), 0
        temperature = losses.teacher_temperature(epoch, recipe.epochs)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * falling(epoch, recipe.epochs)
        for draw in sampler.epoch(targets.labels, recipe.batch_size, recipe.views, rng):
            seen, kept = tokens.batch(np.tile(draw.items, 2), np.concatenate([draw.first, draw.second]))
            logits, projections = learner(seen.to(device), kept.to(device))
            loss = losses.losses(logits, projections, targets.batch(draw.items, device), temperature)
            optimizer.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            heads = {f"head {i}": value for i, value in enumerate(loss.heads.tolist())}
            for name, value in {"total": loss.total.item(), **loss.terms, **heads}.items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
        curves.append({name: value / max(count, 1) for name, value in sums.items()})
        _save(checkpoint, learner, optimizer, curves)
    return LoopResult(best_head(curves), curves)


def best_head(curves: list[dict[str, float]]) -> int:
    """The head with the smallest loss over the last epoch."""
    last = {name: value for name, value in curves[-1].items() if name.startswith("head ")} if curves else {}
    return int(min(last, key=lambda name: last[name]).split()[1]) if last else 0


def falling(epoch: int, epochs: int) -> float:
    """Share of the learning rate: half a cosine from 1 to `LAST_RATE`."""
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * epoch / epochs)) / 2


@torch.no_grad()
def features(last: LastBlock | LastStage, tokens: Tokens) -> Tensor:
    """Features of all items in their first view, (N, D) on the device of `last`."""
    device = next(last.parameters()).device
    rows = []
    for start in range(0, len(tokens), PREDICTED_AT_ONCE):
        index = range(start, min(start + PREDICTED_AT_ONCE, len(tokens)))
        seen, kept = tokens.batch(index, [0] * len(index))
        rows.append(last(seen.to(device), kept.to(device)))
    return torch.cat(rows)


def _groups(learner: nn.Module) -> list[dict[str, Any]]:
    """Matrices decay, biases and other vectors do not; what is frozen is left out."""
    learning = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.ndim > 1]
    vectors = [parameter for parameter in learning if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]


def _save(path: Path, learner: nn.Module, optimizer: torch.optim.Optimizer, curves: list[dict[str, float]]) -> None:
    buffer = io.BytesIO()
    torch.save({"learner": learner.state_dict(), "optimizer": optimizer.state_dict(), "curves": curves}, buffer)
    files.write_bytes(path, buffer.getvalue())


def _resume(path: Path, learner: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    if not path.exists():
        return []
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        learner.load_state_dict(state["learner"])
        optimizer.load_state_dict(state["optimizer"])
        return list(state["curves"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError):
        raise BadDataError(f"{path} is damaged. Remove it, and the training starts again.") from None
