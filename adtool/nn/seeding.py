"""Chance for networks that draw from torch's global state (dropout), without leaving a trace in it.

And what else makes a training differ from the same one before: the order in which a GPU adds.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def drawn_from(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Within this context torch's draws depend on `seed` and `step` alone; afterwards its state is as before.

    A training that goes on at some step therefore draws what an uninterrupted one does.
    """
    own = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(own)
        yield


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Within this context training on CUDA adds in the same order each time, so that a seed gives the same weights.

    On a processor it does so anyway, for a number of threads.
    """
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS wants for it
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        with warnings.catch_warnings():
            # Max pooling in three dimensions and attention have no other way. Windows that don't overlap, as the
            # filter's, and batches of one length gave the same bytes twice all the same (examples/gpu).
            warnings.filterwarnings("ignore", message=".*deterministic", category=UserWarning)
            yield
    finally:
        torch.use_deterministic_algorithms(mode=before[0], warn_only=before[1])


@contextmanager
def untouched() -> Iterator[None]:
    """Within this context, or a function that it decorates, torch's draws leave no trace in its global state.

    A module that is made draws weights from it, even where others are put in their place at once.
    """
    with torch.random.fork_rng(devices=[]):
        yield


def order(count: int, wanted: int, seed: int, *, start: int = 0) -> list[int]:
    """Numbers below `count`, each once an epoch, shuffled anew in each: from place `start` to `wanted` of a long row.

    Args:
        count: of images.
        wanted: where the row ends.
        seed: of the shuffling.
        start: where it begins, so that training goes on as if it had not been interrupted.
    """
    first = start // count
    found: list[int] = []
    for epoch in range(first, -(-wanted // count)):
        found += np.random.default_rng([seed, epoch]).permutation(count).tolist()
    return found[start - first * count : wanted - first * count]
