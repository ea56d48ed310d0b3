"""A training in several processes that torchrun started, with the loss and the weights of one process.

    torchrun --nproc-per-node 2 -m adtool train dinomaly

The first process runs the command; the others wait for trainings, take part in them, and end with it. Each batch is
read by the first and divided among all: what a batch has in common (chance, thresholds) is that of the whole batch, so
that the number of processes changes the last digits alone, and a training goes on with another number of them.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

from adtool.core import torchrun
from adtool.core.errors import UsageError
from adtool.core.torchrun import STARTED as STARTED

PATIENCE = timedelta(days=7)  # others wait while the first one reads pictures


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if torchrun.is_asked_for() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ.get("RANK", "0")) if torchrun.is_asked_for() else 0


def is_joined() -> bool:
    """Whether others take part in what is done now."""
    return distributed.is_available() and distributed.is_initialized()


def device() -> torch.device:
    """Where this process trains: on the GPU of its number on this machine, if there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def call(function: Callable[..., object], *arguments: object) -> None:
    """Let the other processes call a function of a module with what can be pickled, beside whatever is done here."""
    _join()
    distributed.broadcast_object_list([(function.__module__, function.__qualname__, arguments)])


def serve() -> int:
    """In a process that is not the first: call what that says until it ends; the exit code."""
    _join()
    while True:
        told: list[tuple[str, str, Sequence[object]] | None] = [None]
        distributed.broadcast_object_list(told)
        if told[0] is None:
            distributed.destroy_process_group()
            return 0
        module, name, arguments = told[0]
        getattr(importlib.import_module(module), name)(*arguments)


def leave(code: int) -> NoReturn:
    """End a process that served others at once: gloo's threads may still run, and then Python's own end aborts."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end() -> None:
    """In the first process, at its end: let the others end, too."""
    _join()
    distributed.broadcast_object_list([None])
    distributed.destroy_process_group()


def _join() -> None:
    if not is_joined():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)


def require_share(batch: int) -> None:
    """Refuse a batch that can't be divided.

    Raises:
        UsageError: it can't.
    """
    if batch % count():
        raise UsageError(f"--set batch={batch} can't be divided among {count()} processes: give a multiple of that.")


def batches(given: Iterable[Sequence[Tensor]] | None, wanted: int) -> Iterator[list[Tensor]]:
    """This process's part of each batch.

    Args:
        given: (B, ...) tensors of each, in the first process; None in the others.
        wanted: how many there are.
    """
    if not is_joined():
        yield from map(list, given or ())
        return
    rows = iter(given) if given is not None else None
    for _ in range(wanted):
        whole = list(next(rows)) if rows is not None else []
        whole = [one.cpu().contiguous() for one in whole]
        forms = [[(tuple(one.shape), one.dtype) for one in whole]]
        distributed.broadcast_object_list(forms)
        if rows is None:
            whole = [torch.empty(shape, dtype=kind) for shape, kind in forms[0]]
        for one in whole:
            distributed.broadcast(one, 0)
        yield [one.chunk(count())[rank()] for one in whole]


def gathered(values: Tensor) -> Tensor:
    """(n, ...) values of this process's part of a batch -> those of the whole batch; no gradient passes."""
    if not is_joined():
        return values
    parts = [torch.empty_like(values) for _ in range(count())]
    distributed.all_gather(parts, values.contiguous())
    return torch.cat(parts)


def total(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes; gradients pass."""
    summed: Tensor = _Total.apply(value) if is_joined() else value
    return summed


class _Total(torch.autograd.Function):
    """A sum over all processes; the gradient is the sum of theirs, since each loss hangs on it."""

    @staticmethod
    def forward(_: object, value: Tensor) -> Tensor:
        return _summed(value)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(value: Tensor) -> Tensor:
    found = value.contiguous().clone()
    distributed.all_reduce(found)
    return found


class SharedNorm(nn.BatchNorm3d):
    """Batch normalisation by what all processes have of a batch, on processors as well (torch has it for GPUs)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, K, h, w), of this process's part of the batch."""
        if not (self.training and is_joined()):
            return super().forward(x)
        around = [0, *range(2, x.dim())]
        number = count() * x.numel() // x.shape[1]
        x = x.float()
        middle = total(x.sum(around)) / number
        apart = x - middle.view(1, -1, *[1] * (x.dim() - 2))
        spread = total(apart.square().sum(around)) / number
        self._note(middle.detach(), spread.detach() * number / max(1, number - 1))
        scale = (self.weight / (spread + self.eps).sqrt()).view(1, -1, *[1] * (x.dim() - 2))
        return apart * scale + self.bias.view(1, -1, *[1] * (x.dim() - 2))

    def _note(self, middle: Tensor, spread: Tensor) -> None:
        """Let the running statistics follow."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(middle, share)
        self.running_var.lerp_(spread, share)


def mean(value: Tensor) -> float:
    """The mean of a number over all processes."""
    return float(gathered(value.detach().view(1)).mean())


def dropout(values: Tensor, share: float) -> Tensor:
    """As torch's; (B, ...) of a part of a batch lose what they would lose in the whole one."""
    if not is_joined():
        return F.dropout(values, share)
    whole = F.dropout(values.new_ones(count() * values.shape[0], *values.shape[1:]), share)
    return values * whole.chunk(count())[rank()]


def alike(network: nn.Module) -> nn.Module:
    """The network with the mean of all processes' gradients, so that each takes the same steps."""
    if not is_joined():
        return network
    # Some parts may learn nothing, as the filter's classes where there is one category.
    return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)
