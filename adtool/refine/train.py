"""Training the filter on painted defects.

Source: CostFilter-AD (ICML 2025), section 3, and its released code, with its known defects put right: gradients are
clipped before the step, and no checkpoint is chosen on a test set (the last one is used).
"""

import copy
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import files
from adtool.core.progress import bar
from adtool.nn import processes
from adtool.nn import training_checkpoint as checkpoint
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import FeatureStore
from adtool.refine.losses import FilterLosses, LossWeights, losses
from adtool.refine.model import in_rounds, inputs, network
from adtool.refine.network import FilterNetwork
from adtool.refine.streamed import StreamedFeatures

BETAS = (0.9, 0.98)  # of Adam, in all released variants
HALF, PATIENCE = 0.5, 5  # of the rate that falls where the loss does not, in all released variants but one
MAX_NORM = 2.0  # of the gradient
WARM_UP = 0.05  # share of the steps in which the rate rises; then it falls along a cosine
SAVE_EVERY_S = 60
NETWORK = "network"  # part of a checkpoint
SCALER = "scaler"  # of half precision; checkpoints of the processor, and of an earlier adtool, have none
ROW_EVERY = 20  # steps of a row of the learning curve
CURVE = ("step", "loss", "focal", "ssim", "mse", "iou", "classes", "class_accuracy", "seconds")

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class TrainingSet:
    """What is learned from, of all categories together.

    Attributes:
        painted: training images, in the order of `labels`.
        labels: (M,) category of each.
        sources: (M,) the normal image that each was painted on, a row of `normals`.
        normals: clean normal images, where templates are drawn; None where the painted images bring their own.
        groups: for each category the rows of `normals` that are its own.
    """

    painted: FeatureStore | StreamedFeatures
    labels: NDArray[np.int64]
    sources: NDArray[np.int64]
    normals: FeatureStore | StreamedFeatures | None
    groups: Sequence[NDArray[np.int64]]


def train(
    lesson: TrainingSet, settings: FilterSettings, seed: int, device: torch.device, folder: Path
) -> FilterNetwork:
    """Train a filter; goes on from the checkpoint of an interrupted call.

    Args:
        lesson: what is learned from.
        settings: of the filter.
        seed: of everything random; each step's draws depend on it and on the step alone.
        device: where to train.
        folder: of the checkpoint and of curves.csv.

    Raises:
        BadDataError: the checkpoint is damaged.
    """
    made = network(settings, lesson.painted.channels, len(lesson.groups), seed=seed).to(device)
    adaptor = settings.adaptor and len(lesson.groups) > 1
    every = settings.plateau_every or max(1, sum(map(len, lesson.groups)) // settings.batch)
    learner = Learner(made, settings, device, adaptor=adaptor, every=every)
    begun, rows = checkpoint.read(folder, learner.parts, device, may_lack=(SCALER,))
    if begun:
        log.info("Training goes on at step %d.", begun)
    if processes.count() > 1:
        processes.require_share(settings.batch)
        states = {name: part.state_dict() for name, part in learner.parts.items() if name != NETWORK}
        processes.call(follow, copy.deepcopy(made).cpu(), settings, states, (begun, adaptor, every))
    spent = float(str(rows[-1]["seconds"])) if rows else 0.0
    started = saved = time.monotonic()
    drawn = (_batch(lesson, settings, np.random.default_rng([seed, step]), device)
             for step in range(begun, settings.steps))  # fmt: skip
    with bar("train the filter", settings.steps - begun) as progress:
        for step, told in learner.steps(begun, processes.batches(drawn, settings.steps - begun)):
            progress.advance(1)
            now = time.monotonic()
            if told:
                rows.append({"step": step + 1, **told, "seconds": round(spent + now - started, 1)})
            if now - saved > SAVE_EVERY_S:
                checkpoint.write(folder, learner.parts, step + 1, rows)
                saved = now
    files.write_csv(folder / "curves.csv", CURVE, rows)
    return made.eval()


def follow(
    made: FilterNetwork, settings: FilterSettings, states: Mapping[str, dict[str, Any]], counts: tuple[int, bool, int]
) -> None:
    """In the other processes of torchrun: take part in the first one's training.

    Args:
        made: the network as it stands.
        settings: of the filter.
        states: of whatever else is trained.
        counts: steps that are done, whether the adaptor learns, and steps between looks at the loss.
    """
    begun, adaptor, every = counts
    device = processes.device()
    learner = Learner(made.to(device), settings, device, adaptor=adaptor, every=every)
    for name, state in states.items():
        learner.parts[name].load_state_dict(state)
    for _ in learner.steps(begun, processes.batches(None, settings.steps - begun)):
        pass


class Learner:
    """What takes the steps, in one process or in each of several.

    Args:
        made: the network, on `device`.
        settings: of the filter.
        device: where to train.
        adaptor: whether the category that is recognised weighs the focal loss.
        every: steps between looks at the loss, where the rate falls by it.
    """

    def __init__(
        self, made: FilterNetwork, settings: FilterSettings, device: torch.device, *, adaptor: bool, every: int
    ) -> None:
        self._made = made.train()
        self._settings = settings
        self._device = device
        self._adaptor = adaptor
        self._every = every
        self._optimizer = torch.optim.Adam(made.parameters(), settings.rate, betas=BETAS)
        self._scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        self._weights = LossWeights(ssim=settings.ssim)
        self.parts: dict[str, checkpoint.TrainedPart] = {NETWORK: made, "optimizer": self._optimizer}
        self.parts |= {SCALER: self._scaler} if self._scaler.is_enabled() else {}
        self._plateau = None
        if settings.schedule == "plateau":
            self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self._optimizer, factor=HALF, patience=PATIENCE)
            self.parts["schedule"] = self._plateau

    def steps(self, begun: int, batches: Iterable[Sequence[Tensor]]) -> Iterator[tuple[int, dict[str, object]]]:
        """Train; the number of each step, and at some of them what its loss was."""
        settings, trained = self._settings, processes.alike(self._made)
        for step, batch in enumerate(batches, start=begun):
            if self._plateau is None:
                for group in self._optimizer.param_groups:
                    group["lr"] = settings.rate * _pace(step / settings.steps)
            *layers, mask, labels = (one.to(self._device) for one in batch)
            half = len(layers) // 2
            for some in in_rounds(layers[half:], settings):
                with torch.autocast(self._device.type, enabled=self._device.type == "cuda"):
                    pixels, classes = trained(*inputs(layers[:half], some, settings))
                found = self._learn(pixels, classes, mask, labels)
            if self._plateau is not None and (step + 1) % self._every == 0:
                self._plateau.step(processes.mean(found.total))  # of the last batch alone, as the released code does
            is_told = step % ROW_EVERY == 0 or step + 1 == settings.steps
            yield step, _row(found, classes, labels) if is_told else {}

    def _learn(self, pixels: Tensor, classes: Tensor, mask: Tensor, labels: Tensor) -> FilterLosses:
        """One step of the optimizer."""
        told, truth = (classes, labels) if self._adaptor else (classes[:, :1], torch.zeros_like(labels))
        found = losses(pixels, told, mask, truth, self._weights)
        self._optimizer.zero_grad()
        torch.autograd.backward(self._scaler.scale(found.total))
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._made.parameters(), MAX_NORM)
        self._scaler.step(self._optimizer)  # leaves out a step whose gradient is not finite, on CUDA
        self._scaler.update()
        return found


def _pace(share: float) -> float:
    """The rate's share of its peak: a straight rise, then half a cosine."""
    if share < WARM_UP:
        return (share + WARM_UP / 10) / (1.1 * WARM_UP)
    return 0.5 * (1 + float(np.cos(np.pi * (share - WARM_UP) / (1 - WARM_UP))))


def _batch(
    lesson: TrainingSet, settings: FilterSettings, rng: np.random.Generator, device: torch.device
) -> list[Tensor]:
    """Painted images, their templates (reconstructions, or normal images, drawn anew), masks, labels.

    As many tensors of templates as of features: one a layer.
    """
    count = len(lesson.labels)
    rows = np.sort(rng.choice(count, settings.batch, replace=count < settings.batch))
    templates = lesson.painted.rebuilt(rows, device)
    if lesson.normals is not None:
        drawn = np.stack([_templates(lesson, int(row), settings.templates, rng) for row in rows])  # (B, N)
        flat = lesson.normals.features(drawn.ravel(), device)
        templates = [layer.view(*drawn.shape, *layer.shape[1:]) for layer in flat]
    labels = torch.from_numpy(lesson.labels[rows]).to(device)
    return [*lesson.painted.features(rows, device), *templates, lesson.painted.mask(rows, device), labels]


def _templates(lesson: TrainingSet, row: int, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of normal images that the painted one does not stem from; some twice if there are few."""
    group = lesson.groups[int(lesson.labels[row])]
    others = group[group != lesson.sources[row]]
    return rng.choice(others, wanted, replace=len(others) < wanted)


def _row(found: FilterLosses, classes: Tensor, labels: Tensor) -> dict[str, object]:
    """The terms of the loss, and the share of categories that are recognised, by all processes."""
    terms = {"loss": found.total, **{name: getattr(found, name) for name in CURVE[2:7]}}
    accuracy = (classes.argmax(dim=1) == labels).float().mean()
    values = {name: processes.mean(value) for name, value in terms.items()}
    return {**values, "class_accuracy": processes.mean(accuracy)}
