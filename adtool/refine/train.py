"""Training the filter on painted defects.

Source: CostFilter-AD (ICML 2025), section 3, and its released code, with its known defects put right: gradients are
clipped before the step, and no checkpoint is chosen on a test set (the last one is used).
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import files
from adtool.core.progress import bar
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
    made = network(settings, lesson.painted.channels, len(lesson.groups), seed=seed)
    made = made.to(device).train()
    optimizer = torch.optim.Adam(made.parameters(), settings.rate, betas=BETAS)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    parts: dict[str, checkpoint.TrainedPart] = {"network": made, "optimizer": optimizer}
    parts |= {SCALER: scaler} if scaler.is_enabled() else {}
    plateau = None
    if settings.schedule == "plateau":
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=HALF, patience=PATIENCE)
        parts["schedule"] = plateau
    begun, rows = checkpoint.read(folder, parts, device, may_lack=(SCALER,))
    if begun:
        log.info("Training goes on at step %d.", begun)
    spent = float(str(rows[-1]["seconds"])) if rows else 0.0
    started = saved = time.monotonic()
    adaptor, weights = settings.adaptor and len(lesson.groups) > 1, LossWeights(ssim=settings.ssim)
    every = settings.plateau_every or max(1, sum(map(len, lesson.groups)) // settings.batch)
    with bar("train the filter", settings.steps - begun) as progress:
        for step in range(begun, settings.steps):
            if plateau is None:
                for group in optimizer.param_groups:
                    group["lr"] = settings.rate * _pace(step / settings.steps)
            features, templates, mask, labels = _batch(lesson, settings, np.random.default_rng([seed, step]), device)
            for some in in_rounds(templates, settings):
                with torch.autocast(device.type, enabled=device.type == "cuda"):
                    pixels, classes = made(*inputs(features, some, settings))
                told, truth = (classes, labels) if adaptor else (classes[:, :1], torch.zeros_like(labels))
                found = losses(pixels, told, mask, truth, weights)
                optimizer.zero_grad()
                torch.autograd.backward(scaler.scale(found.total))
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(made.parameters(), MAX_NORM)
                scaler.step(optimizer)  # leaves out a step whose gradient is not finite, on CUDA
                scaler.update()
            if plateau is not None and (step + 1) % every == 0:
                plateau.step(float(found.total.detach()))  # of the last batch alone, as the released code does
            progress.advance(1)
            now = time.monotonic()
            if step % ROW_EVERY == 0 or step + 1 == settings.steps:
                rows.append(_row(step, found, classes, labels, spent + now - started))
            if now - saved > SAVE_EVERY_S:
                checkpoint.write(folder, parts, step + 1, rows)
                saved = now
    files.write_csv(folder / "curves.csv", CURVE, rows)
    return made.eval()


def _pace(share: float) -> float:
    """The rate's share of its peak: a straight rise, then half a cosine."""
    if share < WARM_UP:
        return (share + WARM_UP / 10) / (1.1 * WARM_UP)
    return 0.5 * (1 + float(np.cos(np.pi * (share - WARM_UP) / (1 - WARM_UP))))


def _batch(
    lesson: TrainingSet, settings: FilterSettings, rng: np.random.Generator, device: torch.device
) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
    """Painted images, and for each its own templates: its reconstruction, or other normal images, drawn anew."""
    count = len(lesson.labels)
    rows = np.sort(rng.choice(count, settings.batch, replace=count < settings.batch))
    templates = lesson.painted.rebuilt(rows, device)
    if lesson.normals is not None:
        drawn = np.stack([_templates(lesson, int(row), settings.templates, rng) for row in rows])  # (B, N)
        flat = lesson.normals.features(drawn.ravel(), device)
        templates = [layer.view(*drawn.shape, *layer.shape[1:]) for layer in flat]
    labels = torch.from_numpy(lesson.labels[rows]).to(device)
    return lesson.painted.features(rows, device), templates, lesson.painted.mask(rows, device), labels


def _templates(lesson: TrainingSet, row: int, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of normal images that the painted one does not stem from; some twice if there are few."""
    group = lesson.groups[int(lesson.labels[row])]
    others = group[group != lesson.sources[row]]
    return rng.choice(others, wanted, replace=len(others) < wanted)


def _row(step: int, found: FilterLosses, classes: Tensor, labels: Tensor, seconds: float) -> dict[str, object]:
    terms = {"loss": found.total, **{name: getattr(found, name) for name in CURVE[2:7]}}
    accuracy = (classes.argmax(dim=1) == labels).float().mean()
    values = {name: float(value.detach()) for name, value in terms.items()}
    return {"step": step + 1, **values, "class_accuracy": float(accuracy), "seconds": round(seconds, 1)}
