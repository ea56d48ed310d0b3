"""Frozen feature extraction, the hot loop of maps, refine and discover: one function, two engines behind it."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from adtool.core.errors import BadDataError, UsageError
from adtool.nn import device as machine
from adtool.nn import engines, families, graphs, seeding, weights
from adtool.nn.networks import LayerInfo, Network, TransformerNetwork, network
from adtool.nn.options import ANY_ENGINE, Engine, EngineChoice

Key = TypeVar("Key")
Images = npt.NDArray[np.float32] | Tensor

HALF_ENGINE: Engine = "torch-f16"

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Features:
    """What a backbone sees in a batch.

    Attributes:
        maps: one (B, C, h, w) tensor per layer.
        whole: one (B, C) tensor per layer: the class token of a transformer, else the mean of the map.
        first: one (B, n, C) tensor per layer: the class token and registers of a transformer, else nothing.
    """

    maps: list[Tensor]
    whole: list[Tensor]
    first: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class FeatureSource:
    """What features came out of: of two images of one size, those of the same source can be compared.

    Attributes:
        name: of the network.
        weights_id: of its weights.
        layers: their indices, shallow to deep.
        replicates: whether its borders were padded with what is beside them instead of zeros.
    """

    name: str
    weights_id: str
    layers: tuple[int, ...]
    replicates: bool = False

    @property
    def padding(self) -> str:
        """What its convolutions see beyond the border, in the word of patchcore's setting."""
        return families.REPLICATE if self.replicates else families.ZEROS


class Backbone:
    """A frozen network that yields the features of chosen layers, for images of any size.

    Attributes:
        name: its timm name.
        family: whether its layers are stages or blocks.
        layers: index, name, stride and channels of each layer, shallow to deep.
        mean, std: what images are normalised with, per channel, for pixels in [0, 1].
        multiple: height and width of the input must be multiples of it.
        weights_id: tells one set of weights from another.
        engine: `openvino` or `torch`.
        device: where features are.
        precision: that they are computed in.
        is_half: whether that is half precision, which can't hold more than 65,504.
    """

    def __init__(self, name: str, net: Network, runner: engines.Engine, weights_id: str) -> None:
        config = getattr(net.model, "pretrained_cfg", None) or {}
        self.name = name
        self.family = net.family
        self.layers: tuple[LayerInfo, ...] = net.layers
        self.mean: tuple[float, ...] = tuple(config.get("mean") or (0.485, 0.456, 0.406))  # ImageNet's
        self.std: tuple[float, ...] = tuple(config.get("std") or (0.229, 0.224, 0.225))
        self.multiple = net.multiple
        self.prefix = net.prefix  # tokens that are no patches, which come first
        self.weights_id = weights_id
        self.engine = runner.name
        self.device = runner.device
        self.precision = runner.precision
        self.is_half = runner.precision == engines.HALF
        self._net = net
        self._runner = runner

    @property
    def source(self) -> FeatureSource:
        """What its features come out of."""
        indices = tuple(layer.index for layer in self.layers)
        return FeatureSource(self.name, self.weights_id, indices, self._net.replicates)

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
        return "clip" in self.name and isinstance(self._net, TransformerNetwork)

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
        return self._net.inputs(tensor)

    def _split(self, outputs: list[Tensor], shape: torch.Size) -> Features:
        if outputs[0].ndim > 3:  # noqa: PLR2004, maps (B, C, h, w), not tokens (B, P, D)
            return Features(outputs, [x.mean(dim=(-2, -1)) for x in outputs])
        grid = (shape[-2] // self.multiple, shape[-1] // self.multiple)
        first = self._net.prefix
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
    import timm  # late, as in `networks`

    found = weights.find(name, chosen.weights)
    with seeding.untouched():
        model = timm.create_model(found.name, pretrained=False)
    weights.install_into(model, found)
    net = network(model, layers, norm=norm, before_relu=before_relu, replicates=replicates)
    return from_network(found.name, net, found.id, engine=chosen.engine, device=chosen.device)


def again(source: FeatureSource, chosen: EngineChoice) -> Backbone:
    """The backbone of that name, with those layers and borders, and the weights that are found; errors as in `load`."""
    return load(source.name, chosen, layers=source.layers, replicates=source.replicates)


def from_model(
    name: str,
    model: nn.Module,
    *,
    layers: Sequence[int] | None = None,
    norm: bool = False,
    engine: str = "auto",
    device: str = "auto",
) -> Backbone:
    """A backbone of a timm-like module that is in memory, with the weights it has: for tests and plug-ins."""
    digest = hashlib.sha256(str(model).encode())
    for key, value in model.state_dict().items():
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    net = network(model, layers, norm=norm)
    return from_network(name, net, digest.hexdigest()[:16], engine=engine, device=device)


def from_network(
    name: str,
    net: Network,
    weights_id: str,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "f32",
) -> Backbone:
    """A backbone of a network with its weights in; other arguments as in `load`."""
    where = machine.pick(device)
    net.requires_grad_(requires_grad=False)
    runner: engines.Engine | None = None
    if _choose(engine, where) == "openvino" and (graph := graphs.graph(name, net, weights_id)) is not None:
        runner = engines.OpenVinoEngine(graph, precision)
    return Backbone(name, net, runner or engines.TorchEngine(net, where, half=engine == HALF_ENGINE), weights_id)


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
