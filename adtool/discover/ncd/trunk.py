"""The frozen part of the network that is trained: from views to the few tokens that its last part looks at."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import torch
from torch import Tensor

from adtool.core.arrays import Floats
from adtool.discover.ncd import encoder
from adtool.discover.ncd.encoder import LastBlock, LastStage, Trunk
from adtool.nn import backbone, seeding, weights
from adtool.nn import device as machine
from adtool.nn.backbone import Backbone
from adtool.nn.networks import Network
from adtool.nn.options import ANY_ENGINE, Engine, EngineChoice

if TYPE_CHECKING:  # see `nn.networks`
    from timm.models.vision_transformer import VisionTransformer

Key = TypeVar("Key")
Batches = Iterable[tuple[Key, Floats, Floats]]  # (B, 3, H, W) normalised, and masks (B, 1, H, W) in [0, 1]
CONV_STRIDES = (8, 16, 32)


class Frozen(Protocol):
    """What is run once per view."""

    @property
    def net(self) -> Backbone:
        """The network, with its name, input size and normalisation."""

    @property
    def device(self) -> torch.device:
        """Where to train: the frozen network's own device."""

    def stream(self, batches: Batches[Key]) -> Iterator[tuple[Key, list[Tensor]]]:
        """For each batch its B rows of kept tokens, (M, D) each, in order."""

    def last(self, generator: torch.Generator) -> LastBlock | LastStage:
        """A new trainable part, with the weights it starts from."""


@dataclass(frozen=True)
class FrozenTransformer:
    """A transformer without its last block."""

    net: Backbone
    device: torch.device
    trunk: Trunk

    def stream(self, batches: Batches[Key]) -> Iterator[tuple[Key, list[Tensor]]]:
        """See `Frozen.stream`."""

        def jobs() -> Iterator[tuple[tuple[Key, Tensor], tuple[Tensor, ...]]]:
            for key, pixels, masks in batches:
                grid = [side // self.trunk.multiple for side in pixels.shape[-2:]]
                inside = encoder.gate(torch.from_numpy(masks), grid[0], grid[1])
                yield (key, inside), self.trunk.inputs(torch.from_numpy(pixels), inside)

        for (key, inside), (tokens,) in self.net.run_stream(jobs()):
            yield key, encoder.keep_inside(tokens, inside.to(tokens.device), self.trunk.prefix)

    def last(self, generator: torch.Generator) -> LastBlock:
        """See `Frozen.last`."""
        return LastBlock(self.trunk.model)


@dataclass(frozen=True)
class FrozenStages:
    """The stages of a convolutional network."""

    net: Backbone
    device: torch.device

    def stream(self, batches: Batches[Key]) -> Iterator[tuple[Key, list[Tensor]]]:
        """See `Frozen.stream`."""
        jobs = (((key, torch.from_numpy(masks)), pixels) for key, pixels, masks in batches)
        for (key, masks), layers in self.net.stream(jobs):
            yield key, encoder.pool_inside(layers, masks)

    def last(self, generator: torch.Generator) -> LastStage:
        """See `Frozen.last`."""
        return LastStage(sum(layer.channels for layer in self.net.layers), generator)


def load(
    name: str, chosen: EngineChoice = ANY_ENGINE, *, layers: Sequence[int] = ()
) -> FrozenTransformer | FrozenStages:
    """The frozen part of a backbone; errors as in `backbone.load`.

    Args:
        name: a timm name or an alias.
        chosen: its weights, and what runs it.
        layers: strides of a convolutional network; a transformer always gives what its last block takes.
    """
    import timm
    from timm.models.vision_transformer import VisionTransformer

    found = weights.find(name, chosen.weights)
    with seeding.untouched():
        model = timm.create_model(found.name, pretrained=False)
    if type(model) is not VisionTransformer:
        net = backbone.load(name, chosen, layers=layers or CONV_STRIDES)
        return FrozenStages(net, machine.pick(chosen.device))
    weights.install_into(model, found)
    return from_model(found.name, model, found.id, engine=chosen.engine, device=chosen.device)


def from_model(
    name: str, model: "VisionTransformer", weights_id: str, *, engine: Engine = "auto", device: str = "auto"
) -> FrozenTransformer:
    """The frozen part of a transformer that is in memory."""
    trunk = Trunk(model.eval())
    # A trunk has what a backbone asks of a network, but takes a gate as well.
    net = backbone.from_network(name, cast(Network, trunk), weights_id, engine=engine, device=device)
    return FrozenTransformer(net, machine.pick(device), trunk)
