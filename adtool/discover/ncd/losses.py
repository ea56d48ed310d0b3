"""The losses of AnomalyNCD's representation learning, on two views of a batch.

Source: AnomalyNCD (arXiv 2410.14379), section "mask-guided representation learning", and its public code; equal to it
on stored examples (`tests/discover/test_losses.py`). Rows 0 .. B - 1 are view 1, rows B .. 2B - 1 view 2 of the same
samples throughout.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STUDENT_TEMPERATURE = 0.1
CONTRAST_TEMPERATURE = 1.0
SUPERVISED_TEMPERATURE = 0.07
TEACHER_FIRST, TEACHER_LAST = 0.07, 0.04
WARM_UP_SHARE = 0.8  # of the epochs: 40 of 50 in the reference
WARM_UP_STEPS = 10
SPREAD_WEIGHT = 4.0
SUPERVISED_WEIGHT = 0.3
NORMAL_SCORE = 0.5  # a sample with a lower score is pulled to the normal class
PENALTY_FLOOR = 1e-12


@dataclass(frozen=True)
class Batch:
    """What is known of B samples.

    Attributes:
        labels: (B,) int64, the base class of a labelled sample, -1 for all others.
        normality: (B,) share of the normal class in the pseudo label, from `normality`; 0 for labelled ones.
        n_base: number of base classes, the first columns of all logits.
        given: (B,) int64, the novel class that each unlabelled sample was given before, 0 the normal one: its pseudo
            label throughout. None without.
    """

    labels: Tensor
    normality: Tensor
    n_base: int
    given: Tensor | None = None

    @property
    def labelled(self) -> Tensor:
        """(B,) which samples have a label."""
        return self.labels >= 0


@dataclass(frozen=True)
class NcdLosses:
    """The terms of one batch, and their sum.

    Attributes:
        total: what is minimised.
        heads: (heads,) pseudo-label loss plus weighted spread of each head: the smaller, the better the head.
        terms: every term by name, averaged over the heads.
    """

    total: Tensor
    heads: Tensor
    terms: dict[str, float]


def losses(logits: Tensor, projections: Tensor, batch: Batch, teacher_temperature: float) -> NcdLosses:
    """All losses of one batch.

    Args:
        logits: (heads, 2B, base + K) cosine logits.
        projections: (2B, E).
        batch: of B samples. Terms that need labelled (or unlabelled) samples are 0 without them; with no labelled
            sample the unsupervised losses have the whole weight.
        teacher_temperature: from `teacher_temperature`.
    """
    zero = logits.sum() * 0
    twice = batch.labelled.repeat(2)
    novel, base = logits[:, ~twice], logits[:, twice]
    contrast = contrastive(projections)
    pseudo = spread = ce = logits.new_zeros(len(logits))
    supervised = zero
    if novel.shape[1]:
        given = None if batch.given is None else batch.given[~batch.labelled]
        pseudo = pseudo_label(novel, batch.normality[~batch.labelled], batch.n_base, teacher_temperature, given)
        spread = mean_entropy(novel)
    per_head = pseudo + SPREAD_WEIGHT * spread
    if base.shape[1]:
        targets = batch.labels[batch.labelled]
        ce = cross_entropy(base, targets.repeat(2))
        supervised = supervised_contrastive(projections[twice], targets)
    share = SUPERVISED_WEIGHT if base.shape[1] else 0.0
    total = (1 - share) * (per_head.mean() + contrast) + share * (ce.mean() + supervised)
    terms = {"pseudo_label": pseudo, "spread": spread, "contrastive": contrast, "ce": ce, "supcon": supervised}
    return NcdLosses(total, per_head.detach(), {name: float(term.detach().mean()) for name, term in terms.items()})


def contrastive(projections: Tensor, temperature: float = CONTRAST_TEMPERATURE) -> Tensor:
    """InfoNCE: each view must find the other view of its sample among all others; (2B, E) -> scalar."""
    logits = contrast_logits(projections, temperature)
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def contrast_logits(projections: Tensor, temperature: float = CONTRAST_TEMPERATURE) -> Tensor:
    """Cosine of each row and its other view, then of it and the others in their order; (2B, E) -> (2B, 2B - 1)."""
    unit = F.normalize(projections, dim=1)
    cosine = unit @ unit.T
    n = len(unit)
    own = torch.arange(n, device=unit.device)
    other = (own + n // 2) % n
    rest = torch.ones_like(cosine, dtype=torch.bool)
    rest[own, own] = rest[own, other] = False
    return torch.cat([cosine[own, other].unsqueeze(1), cosine[rest].view(n, n - 2)], dim=1) / temperature


def supervised_contrastive(projections: Tensor, labels: Tensor, temperature: float = SUPERVISED_TEMPERATURE) -> Tensor:
    """Samples of a class must be alike; (2B, E) and (B,) -> scalar."""
    unit = F.normalize(projections, dim=1)
    own = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    twice = labels.repeat(2)
    alike = (twice.unsqueeze(0) == twice.unsqueeze(1)) & ~own
    logits = (unit @ unit.T / temperature).masked_fill(own, -torch.inf)
    log_share = logits.log_softmax(dim=1).masked_fill(own, 0)
    return -((log_share * alike).sum(dim=1) / alike.sum(dim=1)).mean()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Of labelled samples; (heads, R, base + K) and (R,) -> (heads,)."""
    return -_log_student(logits)[:, torch.arange(len(labels)), labels].mean(dim=1)


def pseudo_label(
    logits: Tensor, normality: Tensor, n_base: int, teacher_temperature: float, given: Tensor | None = None
) -> Tensor:
    """Each view must predict what the other view's sharpened prediction says; -> (heads,).

    Args:
        logits: (heads, 2B, base + K) of unlabelled samples.
        normality: (B,) share of the normal class, the first novel one, that is mixed into the pseudo label.
        n_base: labelled columns, which no unlabelled sample can belong to.
        teacher_temperature: of the pseudo label.
        given: (B,) see `Batch`.
    """
    twice = None if given is None else given.repeat(2)
    teacher = pseudo_labels(logits, normality.repeat(2), n_base, teacher_temperature, twice)
    first, second = _log_student(logits).chunk(2, dim=1)
    of_first, of_second = teacher.chunk(2, dim=1)
    both = (of_first * second).sum(dim=2).mean(dim=1) + (of_second * first).sum(dim=2).mean(dim=1)
    return -both / 2


def pseudo_labels(
    logits: Tensor, normality: Tensor, n_base: int, temperature: float, given: Tensor | None = None
) -> Tensor:
    """Pseudo labels, without gradient; (heads, R, base + K), (R,) and, if any, (R,) -> (heads, R, base + K)."""
    novel = (logits.detach()[..., n_base:] / temperature).softmax(dim=-1)
    if given is not None:  # not of the reference
        return F.pad(F.one_hot(given, novel.shape[-1]).to(novel.dtype).expand_as(novel), (n_base, 0))
    share = normality.to(novel.dtype).unsqueeze(1)  # (R, 1)
    mixed = (1 - share) * novel
    mixed[..., 0] += share.squeeze(1)
    return F.pad(mixed, (n_base, 0))


def mean_entropy(logits: Tensor) -> Tensor:
    """How unevenly the classes are used on average: log K - entropy of the mean prediction; -> (heads,)."""
    mean = _log_student(logits).exp().mean(dim=1)  # (heads, base + K)
    return (mean * mean.clamp_min(PENALTY_FLOOR).log()).sum(dim=1) + torch.tensor(float(mean.shape[1])).log()


def normality(scores: Tensor, threshold: float = NORMAL_SCORE) -> Tensor:
    """Share of the normal class in the pseudo label of a sample with this score, about 0 to 1; (N,) -> (N,).

    A threshold below 0 switches the correction off.
    """
    return (threshold - scores).clamp_min(0)


def teacher_temperature(epoch: int, epochs: int) -> float:
    """Temperature of the pseudo labels, falling in ten equal steps over the first 80 % of the epochs."""
    step = int(epoch * WARM_UP_STEPS / (WARM_UP_SHARE * epochs) + 1e-9)
    step = min(step, WARM_UP_STEPS - 1)
    return TEACHER_FIRST + (TEACHER_LAST - TEACHER_FIRST) * step / (WARM_UP_STEPS - 1)


def _log_student(logits: Tensor) -> Tensor:
    return (logits / STUDENT_TEMPERATURE).log_softmax(dim=-1)
