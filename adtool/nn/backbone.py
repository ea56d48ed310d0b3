"""Frozen feature extraction, the hot loop of maps, refine and discover: one function, two engines behind it."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from adtool.core.errors import BadDataError, UsageError
from adtool.nn import device as machine
from adtool.nn import engines, families, graphs, network_source, seeding, weights
from adtool.nn.features import Features as Features
from adtool.nn.features import FeatureSource as FeatureSource
from adtool.nn.network_source import NetworkSource
from adtool.nn.networks import LayerInfo, Network, network
from adtool.nn.options import ANY_ENGINE, Engine, EngineChoice

Key = TypeVar("Key")
Images = npt.NDArray[np.float32] | Tensor

HALF_ENGINE: Engine = "torch-f16"

log = logging.getLogger("adtool")


class Backbone:
    """A frozen network that yields the features of chosen layers, for images of any size.

    Attributes:
        name: its timm name.
        family: whether its layers are stages or blocks.
        layers: index, name, stride and channels of each layer, shallow to deep.
        mean, std: what images are normalised with, per channel, for pixels in [0, 1].
        multiple: height and width of the input must be multiples of it.
        weights_id: tells one set of weights from another.
        device: where features are.
        precision: that they are computed in.
        is_half: whether that is half precision, which can't hold more than 65,504.
    """

    def __init__(self, name: str, source: NetworkSource, weights_id: str, chosen: EngineChoice) -> None:
        facts = source.facts
        self.name = name
        self.family = facts.family
        self.layers: tuple[LayerInfo, ...] = facts.layers
        self.mean, self.std = facts.mean, facts.std
        self.multiple = facts.multiple
        self.prefix = facts.prefix  # tokens that are no patches, which come first
        self.weights_id = weights_id
        self.device = machine.pick(chosen.device)
        self.precision = engines.HALF if is_half(chosen.engine, chosen.device) else engines.FULL
        self.is_half = self.precision == engines.HALF
        self._source = source
        self._kind = _choose(chosen.engine, self.device)

    @property
    def _net(self) -> Network:
        """The network; it takes seconds to make, which a finished step need not wait for."""
        return self._source.net

    @cached_property
    def _runner(self) -> engines.Engine:
        if self._kind == "openvino" and (graph := graphs.graph(self.name, self._source, self.weights_id)) is not None:
            return engines.OpenVinoEngine(graph)
        return engines.TorchEngine(self._net, self.device, half=self.is_half)

    @property
    def engine(self) -> str:
        """`openvino` or `torch`."""
        return self._runner.name

    @property
    def source(self) -> FeatureSource:
        """What its features come out of."""
        indices = tuple(layer.index for layer in self.layers)
        return FeatureSource(self.name, self.weights_id, indices, self._source.facts.replicates)

    @property
    def fills_batches(self) -> bool:
        """Whether batches are to have one size, since features end in other digits where a batch has another one.

        torch's libraries choose how to compute by the whole batch; OpenVINO's CPU plug-in gives each image the same
        in any batch (a test holds that).
        """
        return self.engine == "torch"

    def features(self, images: Images) -> list[Tensor]:
        """Features of one batch.

        Args:
            images: (B, 3, H, W) float32, normalised; H and W multiples of `multiple`.

        Returns:
            one (B, C, h, w) tensor per layer, float32, on the engine's device.

        Raises:
            UsageError: a size that is no multiple of `multiple`.
        """
        return self.describe(images).maps

    def describe(self, images: Images) -> Features:
        """Features of one batch, with one vector for each whole image as well."""
        inputs = self._inputs(images)
        return self._split(self._runner.run(inputs), inputs[0].shape)

    def beside(self, images: Tensor) -> engines.Inputs:
        """What the network takes besides images of a size: nothing, or the positions of a transformer."""
        return self._net.inputs(images)[1:]

    def traced(self, images: Tensor, beside: engines.Inputs) -> Features:
        """As `describe`, by torch on the CPU, so that whoever traces a graph can follow; `beside` is constant in it."""
        return self._split(list(self._net(images, *beside)), images.shape)

    @property
    def projects(self) -> bool:
        """Whether it was trained to describe whole images by what its head makes of the class token, as CLIP."""
        return "clip" in self.name and self.family is families.Family.TRANSFORMER

    def projected(self, whole: Tensor) -> Tensor:
        """What CLIP describes whole images by: (N, C) class tokens of the last block -> (N, D).

        Raises:
            BadDataError: the weights file has no such head; a random one is never used.
        """
        model: Any = self._net.model
        if getattr(model, "lacks_head", False):
            raise BadDataError(f"The weights of {self.name} have no head to project the class token. Take whole ones.")
        with torch.no_grad():
            found: Tensor = model.head(model.fc_norm(model.norm(whole.to(next(model.parameters())))))
        return found.float().cpu()

    def stream(self, batches: Iterable[tuple[Key, Images]]) -> Iterator[tuple[Key, list[Tensor]]]:
        """Features of many batches, in order; producing, inference and consuming overlap.

        Sizes may differ from batch to batch. The producer runs in this thread: let it prefetch.
        """
        for key, found in self.describe_stream(batches):
            yield key, found.maps

    def describe_stream(self, batches: Iterable[tuple[Key, Images]]) -> Iterator[tuple[Key, Features]]:
        """As `stream`, with one vector for each whole image as well."""
        jobs = (((key, x[0].shape), x) for key, images in batches for x in [self._inputs(images)])
        for (key, shape), outputs in self._runner.stream(jobs):
            yield key, self._split(outputs, shape)

    def run_stream(self, jobs: Iterable[tuple[Key, engines.Inputs]]) -> Iterator[tuple[Key, list[Tensor]]]:
        """Outputs of the network as they are, for a network that takes more than images."""
        return self._runner.stream(jobs)

    def _inputs(self, images: Images) -> engines.Inputs:
        tensor = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
        if tensor.shape[-2] % self.multiple or tensor.shape[-1] % self.multiple:
            raise UsageError(
                f"{self.name} takes images whose sides are multiples of {self.multiple}, "
                f"not {tensor.shape[-2]} x {tensor.shape[-1]}. Choose another --image-size."
            )
        return (tensor,) if self.family is families.Family.CONV else self._net.inputs(tensor)

    def _split(self, outputs: list[Tensor], shape: torch.Size) -> Features:
        if outputs[0].ndim > 3:  # noqa: PLR2004, maps (B, C, h, w), not tokens (B, P, D)
            return Features(outputs, [x.mean(dim=(-2, -1)) for x in outputs])
        grid = (shape[-2] // self.multiple, shape[-1] // self.multiple)
        first = self.prefix
        maps = [x[:, first:].transpose(1, 2).reshape(*x.shape[::2], *grid) for x in outputs]
        whole = [x[:, 0] if first else x.mean(dim=1) for x in outputs]
        return Features(maps, whole, [x[:, :first] for x in outputs])


def load(
    name: str,
    chosen: EngineChoice = ANY_ENGINE,
    *,
    layers: Sequence[int] | None = None,
    norm: bool = False,
    before_relu: bool = False,
    replicates: bool = False,
) -> Backbone:
    """A backbone with its trained weights.

    Args:
        name: a timm name or an alias of `weights.ALIASES`.
        chosen: its weights, if they are not to be looked for, and what runs it: `auto` (torch on CUDA, else OpenVINO
            if installed), `openvino`, `torch` (also `torch-f32`), or `torch-f16` (in half precision, on CUDA).
        layers: strides of a convolutional network (8 and 16 by default), or block numbers of a transformer,
            from 0 or from -1 backwards (the last by default).
        norm: apply a transformer's final norm to the tokens of every chosen block.
        before_relu: take a ResNet's features before their last ReLU, as CFA's code does.
        replicates: pad a convolutional network's borders with what is beside them instead of zeros.

    Raises:
        UsageError: no such model, layer, engine or device.
        MissingWeightsError: weights were found nowhere.
        BadDataError: the weights file is not whole or of another model.
    """
    found = weights.find(name, chosen.weights)

    def make() -> Network:
        import timm  # late, as in `networks`

        with seeding.untouched():
            model = timm.create_model(found.name, pretrained=False)
        weights.install_into(model, found)
        return network(model, layers, norm=norm, before_relu=before_relu, replicates=replicates)

    what = (found.id, found.origin, layers and tuple(layers), norm, before_relu, replicates)
    place = graphs.cache_folder() / network_source.file_name(found.name, *what, *graphs.made_with())
    return Backbone(found.name, network_source.remembered(place, make), found.id, chosen)


def again(source: FeatureSource, chosen: EngineChoice) -> Backbone:
    """The backbone of that name, with those layers and borders, and the weights that are found; errors as in `load`."""
    return load(source.name, chosen, layers=source.layers, replicates=source.replicates)


def from_model(
    name: str,
    model: nn.Module,
    *,
    layers: Sequence[int] | None = None,
    norm: bool = False,
    engine: Engine = "auto",
    device: str = "auto",
) -> Backbone:
    """A backbone of a timm-like module that is in memory, with the weights it has: for tests and plug-ins."""
    digest = hashlib.sha256(str(model).encode())
    for key, value in model.state_dict().items():
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    net = network(model, layers, norm=norm)
    return from_network(name, net, digest.hexdigest()[:16], engine=engine, device=device)


def from_network(
    name: str, net: Network, weights_id: str, *, engine: Engine = "auto", device: str = "auto"
) -> Backbone:
    """A backbone of a network with its weights in; other arguments as in `load`."""
    made = Backbone(name, NetworkSource(lambda: net), weights_id, EngineChoice(None, engine, device))
    _ = made._runner  # what runs it is decided now
    return made


def exact(chosen: EngineChoice) -> EngineChoice:
    """In full precision where half of it is asked for, for what magnifies rounding."""
    return replace(chosen, engine="torch") if is_half(chosen.engine, chosen.device) else chosen


def is_half(engine: str, device: str) -> bool:
    """Whether an engine computes features in half precision on a device."""
    return engine == HALF_ENGINE and machine.pick(device).type == "cuda"


def _choose(engine: str, device: torch.device) -> str:
    if engine not in get_args(Engine):
        raise UsageError(f"There is no engine `{engine}`. Use auto, openvino, torch or {HALF_ENGINE}.")
    if engine == HALF_ENGINE and device.type != "cuda":
        raise UsageError(f"The engine {HALF_ENGINE} runs on a GPU. Use --engine torch.")
    if engine.startswith("torch") or (engine == "auto" and device.type != "cpu"):
        return "torch"
    if device.type != "cpu":
        raise UsageError("The engine openvino runs on the CPU. Use --device cpu, or --engine torch.")
    if machine.has_openvino():
        return "openvino"
    if engine == "openvino":
        raise UsageError("OpenVINO is not installed here. Use --engine torch, or pip install openvino.")
    log.info("OpenVINO has no build here; torch runs the backbone, which is slower on a CPU.")
    return "torch"
