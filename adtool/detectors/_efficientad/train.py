"""Training of EfficientAD: first of the teacher, by a backbone, then of student and autoencoder."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detection import training
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.training import Course
from adtool.detectors._efficientad import distillation, loss, pictures
from adtool.detectors._efficientad.distillation import MIN_SPREAD, Target
from adtool.detectors._efficientad.network import EfficientAd
from adtool.nn import seeding
from adtool.nn.backbone import Backbone
from adtool.nn.training_checkpoint import TrainedPart

COLUMNS = ("step", "loss", "teacher", "student", "penalty", "autoencoder", "seconds")
DROP_AT, DROP = 0.95, 0.1  # share of the steps after which the learning rate is a tenth
MEASURED = 64  # pictures by which the backbone's channels are brought to one size
TEACHES, PENALTY = 1, 2  # chance of each step: what a teacher is shown, textures and colours


@dataclass(frozen=True)
class EfficientAdSchedule:
    """How long and how fast.

    Attributes:
        teacher_steps, teacher_batch, teacher_rate: of the teacher's distillation, and its pictures a step.
        steps, batch, learn_rate: of student and autoencoder.
        weight_decay: of both.
        quantile: of squared differences, from which on they count for the student.
        recolour: strength of the changes of colour that the autoencoder sees; 0 for none.
        seed: of all chance.
    """

    teacher_steps: int
    teacher_batch: int
    teacher_rate: float
    steps: int
    batch: int
    learn_rate: float
    weight_decay: float
    quantile: float
    recolour: float
    seed: int

    def rate(self, step: int) -> float:
        """The learning rate of student and autoencoder after so many of their steps."""
        return self.learn_rate * (DROP if step >= DROP_AT * self.steps else 1.0)


class TeacherThenStudent:
    """All steps of one training.

    Args:
        cache: pictures of good parts, (3, S, S) of values in [0, 255]; behind each what the backbone sees in it, where
            that teaches itself.
        learned: the numbers of those that are learned from.
        network: on its device; changed in place.
        backbone: that the teacher learns from.
        plan: how long and how fast.
    """

    def __init__(
        self,
        cache: FeatureCache,
        learned: Sequence[int],
        network: EfficientAd,
        backbone: Backbone,
        plan: EfficientAdSchedule,
    ) -> None:
        self._cache, self._learned = cache, learned
        self.network, self._backbone, self._plan = network, backbone, plan
        self._device = network.shift.device
        self._target: Target | None = None
        own = list(network.teacher.parameters()) if network.teacher else []
        self._teaching = torch.optim.Adam(own, plan.teacher_rate, weight_decay=plan.weight_decay) if own else None
        learning = itertools.chain(network.student.parameters(), network.autoencoder.parameters())
        self._learning = torch.optim.Adam(learning, plan.learn_rate, weight_decay=plan.weight_decay)

    def course(self) -> Course:
        """What `training.train` takes."""
        parts: dict[str, TrainedPart] = {"network": self.network, "learning": self._learning}
        if self._teaching is not None:
            parts["teaching"] = self._teaching
        steps = self._plan.teacher_steps + self._plan.steps
        return Course(parts, COLUMNS, steps, self._batches, self._step, _row)

    def _batches(self, start: int) -> Iterator[list[Tensor]]:
        """Pictures of each step from `start` on."""
        plan = self._plan
        first = self._order(plan.teacher_steps * plan.teacher_batch, start * plan.teacher_batch)
        yield from self._cache.batches(first, plan.teacher_batch)
        done = max(0, start - plan.teacher_steps)
        yield from self._cache.batches(self._order(plan.steps * plan.batch, done * plan.batch), plan.batch)

    def _order(self, wanted: int, start: int) -> list[int]:
        if start >= wanted:
            return []
        places = seeding.order(len(self._learned), wanted, self._plan.seed, start=start)
        return [self._learned[one] for one in places]

    def _step(self, step: int, batch: list[Tensor]) -> Tensor:
        """Take a step; (4,) losses: of teacher, student, penalty and autoencoder."""
        if step < self._plan.teacher_steps:
            return self._teach(step, batch[0])
        if step == self._plan.teacher_steps:
            self._measure_teacher()
        return self._learn(step, *self._seen(batch))

    def _seen(self, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Pictures, and what the backbone sees in them where it teaches itself."""
        shown, *seen = (one.to(self._device) for one in batch)
        return shown, seen[0] if seen else None

    def _teach(self, step: int, batch: Tensor) -> Tensor:
        assert self.network.teacher is not None and self._teaching is not None
        shown = self._shown(batch, TEACHES, step)
        seen = self.network.teacher(pictures.normalised(shown))
        wanted = self._see(shown, seen.shape[-1])
        apart = F.mse_loss(seen, wanted)
        training.descend(apart, self._teaching, self._plan.teacher_rate)
        return torch.stack([apart.detach(), *torch.zeros(3, device=self._device)])

    def _see(self, shown: Tensor, grid: int) -> Tensor:
        if self._target is None:
            plan, channels = self._plan, self.network.sizes.channels
            count = min(MEASURED, len(self._learned))
            some = torch.cat([one for (one,) in self._cache.batches(self._learned[:count], count)])
            shown_first = list(self._shown(some, TEACHES, plan.teacher_steps))
            self._target = distillation.target(self._backbone, channels, shown_first, grid)
        return self._target.see(shown, grid)

    def _shown(self, batch: Tensor, why: int, step: int) -> Tensor:
        """What a teacher is shown of pictures; by the step alone, so that a training that goes on shows the same."""
        rng = np.random.default_rng([self._plan.seed, why, step])
        return torch.stack([pictures.shown_to_teacher(one, rng) for one in batch]).to(self._device)

    def _measure_teacher(self) -> None:
        """Bring the teacher's channels to mean 0 and variance 1 on good parts."""
        network, count = self.network, len(self._learned)
        total, squares = torch.zeros(2, network.sizes.channels, dtype=torch.float64, device=self._device)
        with torch.no_grad():
            for batch in self._cache.batches(self._learned, 1):
                shown, seen = self._seen(batch)
                found = network.taught(pictures.normalised(shown), seen).double()
                total += found.mean(dim=(0, 2, 3))
                squares += found.square().mean(dim=(0, 2, 3))
        mean = total / count
        network.shift.copy_(mean)
        network.spread.copy_((squares / count - mean.square()).clamp_min(0).sqrt().clamp_min(MIN_SPREAD))

    def _learn(self, step: int, shown: Tensor, seen: Tensor | None) -> Tensor:
        """One step of student and autoencoder, by three losses."""
        network, plan = self.network, self._plan
        rng = np.random.default_rng([plan.seed, PENALTY, step])
        textures = torch.stack([pictures.texture(shown.shape[-1], rng) for _ in shown]).to(self._device)
        plain = pictures.normalised(shown)
        coloured = pictures.normalised(pictures.recoloured(shown, plan.recolour, rng)) if plan.recolour else plain
        with torch.no_grad():
            truth = network.described(plain, seen)
            coloured_truth = network.described(coloured, seen) if plan.recolour else truth
        as_teacher, as_autoencoder = network.learned(plain)
        if plan.recolour:
            as_autoencoder = network.learned(coloured)[1]
        with seeding.drawn_from(plan.seed, step, self._device):  # dropout
            rebuilt = network.autoencoder(coloured)
        student = loss.hard((truth - as_teacher).square(), plan.quantile)
        penalty = network.learned(pictures.normalised(textures))[0].square().mean()
        apart = F.mse_loss(rebuilt, coloured_truth) + F.mse_loss(as_autoencoder, rebuilt)
        training.descend(student + penalty + apart, self._learning, plan.rate(step - plan.teacher_steps))
        return torch.stack([torch.zeros_like(apart), student, penalty, apart]).detach()


def _row(_: int, means: Sequence[float]) -> Sequence[float]:
    """The whole loss, and its parts."""
    return (sum(means), *means)
