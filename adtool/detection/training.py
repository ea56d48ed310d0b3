"""The frame of every training in steps: going on after a kill, the progress bar, and the rows of curves.csv."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from adtool.core import progress
from adtool.detection.feature_cache import FeatureCache
from adtool.nn import seeding
from adtool.nn.training_checkpoint import TrainedPart, TrainingJournal

ROW_EVERY = 20  # steps
MAX_NORM = 0.1  # of a gradient (the codes of UniAD, HVQ-Trans and Dinomaly)


@dataclass(frozen=True)
class Course:
    """A training in steps.

    Attributes:
        parts: networks and optimizers; what a training that goes on takes up again.
        columns: of curves.csv, `step` first and `seconds` last.
        steps: of the whole training.
        batches: what each step learns from, from a given one on.
        learn: takes a step, given its number and its batch; (n,) values, whose means over some steps become a row.
        row: the columns between `step` and `seconds`, given a step's number and the means.
    """

    parts: Mapping[str, TrainedPart]
    columns: Sequence[str]
    steps: int
    batches: Callable[[int], Iterable[list[Tensor]]]
    learn: Callable[[int, list[Tensor]], Tensor]
    row: Callable[[int, Sequence[float]], Sequence[float]]


def train(course: Course, folder: Path, device: torch.device) -> None:
    """Take all steps that are not taken yet; `folder` is that of the checkpoint and of curves.csv."""
    journal = TrainingJournal(folder, course.parts, course.columns, course.steps, device)
    kept: list[Tensor] = []
    with progress.bar("training steps", course.steps) as bar:
        bar.advance(journal.begun)
        for step, batch in enumerate(course.batches(journal.begun), start=journal.begun):
            kept.append(course.learn(step, batch).detach().cpu())
            bar.advance(1)
            if (step + 1) % ROW_EVERY == 0 or step + 1 == course.steps:
                means = (functools.reduce(torch.add, kept) / len(kept)).tolist()
                journal.row(step + 1, *course.row(step, means))
                kept = []
    journal.close()


def order(images: int, steps: int, batch: int, seed: int, start: int) -> list[int]:
    """Numbers of the images that a training with so many a step sees from step `start` on."""
    return seeding.order(images, steps * batch, seed, start=start * batch)


def batches(cache: FeatureCache, steps: int, batch: int, seed: int) -> Callable[[int], Iterable[list[Tensor]]]:
    """`Course.batches` of all kept images, shuffled anew in each epoch."""
    return lambda start: cache.batches(order(len(cache), steps, batch, seed, start), batch)


def descend(loss: Tensor, optimizer: torch.optim.Optimizer, rate: float, *, clipped: nn.Module | None = None) -> None:
    """Take a step of an optimizer.

    Args:
        loss: a scalar.
        optimizer: of the network.
        rate: the learning rate of this step; a group with the entry `usual` has that times the rate.
        clipped: the network whose gradient is at most `MAX_NORM` long; None for any length.
    """
    for each in optimizer.param_groups:
        each["lr"] = rate * each.get("usual", 1.0)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    if clipped is not None:
        torch.nn.utils.clip_grad_norm_(clipped.parameters(), MAX_NORM)
    optimizer.step()
