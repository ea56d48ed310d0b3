"""The two files of a stored model: tensors, and a card that says what they are and what they were made with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor

from adtool.core import config, files, json_files, model_cards
from adtool.core.config import Config
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.model_cards import ModelCard, remedy
from adtool.detection.frame import Frame
from adtool.nn import weight_files

Settings = TypeVar("Settings", bound=Config)
Forms = Mapping[str, Sequence[int | str]]  # see `weight_files.misfit`
# What a network raises whose sizes are not those of the tensors.
MISFIT = (KeyError, TypeError, ValueError, IndexError, RuntimeError, ArithmeticError, AssertionError)


@dataclass(frozen=True)
class StoredModel:
    """A model as it lies on the disk.

    Attributes:
        folder: where.
        card: model.json.
        tensors: what `Model.tensors` gave, on the backbone's device; all are finite.
        frame: what it runs in.
    """

    folder: ModelFolder
    card: ModelCard
    tensors: Mapping[str, Tensor]
    frame: Frame

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes of a network that the card notes, whole numbers as such."""
        return {name: int(size) if size.is_integer() else size for name, size in self.card.sizes.items()}

    def require_shapes(self, forms: Forms) -> None:
        """Refuse tensors of other shapes than `forms` says.

        Raises:
            BadDataError: one is missing or has another shape.
        """
        if wrong := weight_files.misfit(self.tensors, forms):
            raise BadDataError(
                f"{self.folder.weights} is no {self.folder.detector} model of its settings: {wrong}. "
                f"{remedy(self.folder)}"
            )


def settings_of(card: ModelCard, kind: type[Settings], folder: ModelFolder) -> Settings:
    """The settings in a card, with those that it does not know as they were before there was a choice.

    Raises:
        BadDataError: they are not those of such a detector.
    """
    try:
        return config.parse(kind, {**config.former(kind), **card.settings}, where="settings")
    except UsageError as error:
        raise BadDataError(f"{folder.card} is damaged ({error}) {remedy(folder)}") from None


def require_finite(tensors: Mapping[str, Tensor], where: object, what_to_do: str) -> None:
    """Refuse weights that are no numbers: every comparison with them is false, so everything would be OK.

    Raises:
        BadDataError: a tensor holds NaN or infinity.
    """
    if wrong := weight_files.not_finite(tensors):
        raise BadDataError(f"{where}: the tensor `{wrong}` holds NaN or infinite values. {what_to_do}")


def write(
    folder: ModelFolder, tensors: Mapping[str, Tensor], settings: Config, frame: Frame, card: Mapping[str, object]
) -> None:
    """Write a model; `card` is what else its card shall hold, at least `detector` and `image_score_rule`.

    Raises:
        BadDataError: it holds values that are not finite, as a training that came apart leaves.
    """
    require_finite(tensors, folder.path, "The training came apart. Give it a smaller learning rate with --set.")
    files.write_bytes(folder.weights, tensors_to({name: x.cpu().contiguous() for name, x in tensors.items()}))
    own = {"settings": json.loads(settings.model_dump_json()), **frame.noted(), "precision": frame.backbone.precision}
    files.write_json(folder.card, json_files.numbered({**own, **card}))


def read(folder: ModelFolder, frame: Frame) -> StoredModel:
    """A model that `write` wrote.

    Raises:
        MissingInputError: there is none.
        BadDataError: its files are damaged, or it was made with another backbone.
    """
    if not folder.card.exists() or not folder.weights.exists():
        name = folder.detector
        raise MissingInputError(f"No {name} model at {folder.path}. Run `adtool train {name}` to make one.")
    card = model_cards.read(folder)
    _require_network(folder, (card.backbone, card.backbone_weights), frame)
    if frame.beside is not None:
        _require_network(folder, (card.beside_backbone, card.beside_backbone_weights), frame.beside)
    try:
        found = tensors_from(folder.weights.read_bytes())
    except SafetensorError as error:
        raise BadDataError(f"{folder.weights} can't be read ({error}). {remedy(folder)}") from None
    whole = [name for name, one in found.items() if not one.is_floating_point()]
    if whole:
        raise BadDataError(f"{folder.weights}: the tensor `{whole[0]}` holds no decimal numbers. {remedy(folder)}")
    require_finite(found, folder.weights, remedy(folder))
    return StoredModel(folder, card, {name: one.to(frame.backbone.device) for name, one in found.items()}, frame)


def _require_network(folder: ModelFolder, made_with: tuple[str, str], frame: Frame) -> None:
    given = frame.backbone
    if made_with != (given.name, given.weights_id):
        raise BadDataError(
            f"{folder.path} was made with the backbone {made_with[0]} ({made_with[1]}), not {given.name} "
            f"({given.weights_id}). Give that --backbone, or make the model again with --force."
        )


def mismatch(folder: ModelFolder) -> BadDataError:
    """What to raise if the tensors are not those of the network that the card describes."""
    return BadDataError(f"{folder.weights} is not of the network that {folder.card.name} describes. {remedy(folder)}")
