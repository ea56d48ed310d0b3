"""Weights inside of what trainings store: wrapped in other things, under longer names, sometimes no numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Keys that hold the weights, the ones for testing before those for training; and what stands before their names.
WRAPPERS = ("state_dict_ema", "model_ema", "ema", "teacher", "state_dict", "model_state_dict", "model", "net")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "net.", "network.", "teacher.", "student.")
MOST = 0.5  # share of the names that must have a prefix
# What a VGG has behind its features, which nothing of ours sees: in timm's names, and in torchvision's, where the layer
# of 7 x 7 places is a matrix.
BEFORE_THE_HEAD = "pre_logits."
TORCHVISION_VGG = ("classifier.0.", "classifier.3.", "classifier.6.")
COUNTER = ".num_batches_tracked"  # of a batch norm's training; files of 2017, as torchvision's, do not have it


def tensors(stored: object) -> dict[str, Tensor]:
    """The weights in what a file holds; none if there are none."""
    while isinstance(stored, Mapping):
        found = {str(name): value for name, value in stored.items() if isinstance(value, Tensor)}
        inner = [stored[key] for key in WRAPPERS if isinstance(stored.get(key), Mapping)]
        if found or not inner:
            return found
        stored = inner[0]
    return {}


def plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without what a training put before most of them; what lacks it is no part of the network."""
    for prefix in PREFIXES:
        inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if inner and len(inner) > MOST * len(state):
            return plain(inner)
    return dict(state)


def of_features(state: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with nothing of what a VGG has behind its features, and with the counters that old files lack.

    Args:
        state: as it was read.
        target: of timm's model; what is no VGG keeps all it has.
    """
    counters = {k: v for k, v in target.items() if k.endswith(COUNTER) and f"{k.removesuffix(COUNTER)}.weight" in state}
    if any(name.startswith(BEFORE_THE_HEAD) for name in target):
        state = {k: v for k, v in state.items() if not k.startswith((BEFORE_THE_HEAD, *TORCHVISION_VGG))}
    return {**counters, **state}


def not_of_model(state: Mapping[str, Tensor], target: Mapping[str, Tensor], heads: tuple[str, ...]) -> str:
    """Why a state is not that of a model, empty if it is; what begins with `heads` may be absent."""
    missing = [k for k in target if k not in state and not k.startswith(heads)]
    unknown = [k for k in state if k not in target]
    wrong = [k for k in state if k in target and state[k].shape != target[k].shape]
    for what, keys in (("lacks", missing), ("has the unknown", unknown), ("has another shape of", wrong)):
        if keys:
            return f"it {what} `{keys[0]}`{f' and {len(keys) - 1} others' if len(keys) > 1 else ''}"
    return ""


def not_finite(state: Mapping[str, Tensor]) -> str:
    """The first tensor that holds NaN or infinite values, empty if none does."""
    wrong = (
        name for name, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())
    )
    return next(wrong, "")


def misfit(state: Mapping[str, Tensor | NDArray[Any]], forms: Mapping[str, Sequence[int | str]]) -> str:
    """What is wrong with the shapes of some tensors, empty if nothing.

    Args:
        state: tensors by name.
        forms: the shape of each that is looked at. A letter stands for any size but 0, the same wherever it stands.
    """
    sizes: dict[str, int] = {}
    for name, form in forms.items():
        if name not in state:
            return f"it lacks the tensor `{name}`"
        value = state[name]
        shape = tuple(value.shape)
        if not (value.is_floating_point() if isinstance(value, Tensor) else np.issubdtype(value.dtype, np.floating)):
            return f"the tensor `{name}` holds no decimal numbers"
        wanted = [sizes.get(one, one) if isinstance(one, str) else one for one in form]
        if len(shape) != len(form) or not all(map(_fits, shape, wanted)):
            return f"the tensor `{name}` has the shape {_shown(shape)}, not {_shown(wanted)}"
        sizes |= {one: size for one, size in zip(form, shape, strict=True) if isinstance(one, str)}
    return ""


def _fits(size: int, wanted: int | str) -> bool:
    return size > 0 if isinstance(wanted, str) else size == wanted


def _shown(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"
