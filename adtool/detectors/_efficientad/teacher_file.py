"""A teacher that somebody trained, from a file: the networks of others have the same layers under other names."""

import re
from pathlib import Path

from torch import Tensor, nn

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError
from adtool.nn import weight_files, weights

DIGITS = 16  # of its hash, in the card
NUMBER = re.compile(r"(\d+)")


def install(teacher: nn.Module, path: Path) -> None:
    """Load a safetensors file or torch's state into a patch description network; code in it is never run.

    Layers go by their order, since `conv1.weight` and `0.weight` are the same to different authors.

    Raises:
        MissingInputError: there is no such file.
        BadDataError: it can't be read, or is of another network.
    """
    if not path.is_file():
        raise MissingInputError(f"--set teacher={path}: there is no such file. Leave it out, and one is distilled.")
    state = weights.read(path)
    target = teacher.state_dict()
    own, given = _in_order(target), _in_order(state)
    if len(given) != len(own):
        raise BadDataError(
            f"{path} holds {len(given)} tensors, a teacher of these settings has {len(own)}. "
            "--set size=small and size=medium are the networks of the paper."
        )
    renamed = {name: state[other] for name, other in zip(own, given, strict=True)}
    if wrong := weight_files.misfit(renamed, {name: tuple(target[name].shape) for name in own}):
        raise BadDataError(
            f"{path} is no teacher of these settings: {wrong}. "
            "What is published has --set channels=384, share=1, and size=small or medium."
        )
    teacher.load_state_dict({name: value.float() for name, value in renamed.items()})


def noted(path: Path) -> str:
    """What tells a teacher's file from others."""
    return files.sha256(path)[:DIGITS]


def _in_order(state: dict[str, Tensor]) -> list[str]:
    """Names as the layers follow each other: numbers count as such, so that 10 comes after 9."""
    return sorted(state, key=lambda name: [int(x) if x.isdigit() else x for x in NUMBER.split(name)])
