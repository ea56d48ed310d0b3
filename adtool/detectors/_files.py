"""The two files of a stored model: tensors, and a card that says what they are and what they were made with."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor

from adtool.core import config, files
from adtool.core.config import Config
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ModelFolder
from adtool.detectors._contract import Frame

Settings = TypeVar("Settings", bound=Config)


def write(folder: ModelFolder, tensors: Mapping[str, Tensor], settings: Config, frame: Frame, card: object) -> None:
    """Write a model; `card` is what else its card shall hold, at least `detector` and `image_score_rule`."""
    files.write_bytes(folder.weights, tensors_to({name: x.cpu().contiguous() for name, x in tensors.items()}))
    own = {
        "settings": json.loads(settings.model_dump_json()),
        "backbone": frame.backbone.name,
        "backbone_weights": frame.backbone.weights_id,
        "layers": [layer.index for layer in frame.backbone.layers],
        "image_size": frame.image_size,
    }
    files.write_json(folder.card, {**own, **(card if isinstance(card, Mapping) else {})})


def read(
    folder: ModelFolder, detector: str, kind: type[Settings], frame: Frame, names: tuple[str, ...] | None = None
) -> tuple[dict[str, Tensor], Settings]:
    """Tensors (those of these names, or all) on the backbone's device, and the settings of a model that `write` wrote.

    Raises:
        MissingInputError: there is none.
        BadDataError: its files are damaged, or it was made with another backbone.
    """
    card: Any = files.read_json(folder.card)
    if not isinstance(card, dict) or not folder.weights.exists():
        raise MissingInputError(f"No {detector} model at {folder.path}. Run `adtool train {detector}` to make one.")
    made_with, given = (card.get("backbone"), card.get("backbone_weights")), frame.backbone
    if made_with != (given.name, given.weights_id):
        raise BadDataError(
            f"{folder.path} was made with the backbone {made_with[0]} ({made_with[1]}), not {given.name} "
            f"({given.weights_id}). Give that --backbone, or make the model again with --force."
        )
    try:
        tensors = tensors_from(folder.weights.read_bytes())
        found = {name: tensors[name].to(frame.backbone.device) for name in names or tensors}
        values = card["settings"]
    except (SafetensorError, KeyError) as error:
        raise BadDataError(
            f"{folder.weights} can't be read ({error}). Make the model again: `adtool train {detector} --force`."
        ) from None
    return found, config.parse(kind, values, where=str(folder.card))


def mismatch(folder: ModelFolder, detector: str) -> BadDataError:
    """What to raise if the tensors are not those of the network that the card describes."""
    return BadDataError(
        f"{folder.weights} is not of the network that {folder.card.name} describes. "
        f"Make the model again: `adtool train {detector} --force`."
    )
