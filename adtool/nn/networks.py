"""Feature extractors made from timm models: which layers there are, and one forward pass that yields them.

A convolutional network gives the outputs of its stages, chosen by stride. A vision transformer gives the tokens
of chosen blocks; its position embedding is an input of the network, so that one converted graph serves all sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.core.errors import UsageError
from adtool.nn.families import USUAL, Family

if TYPE_CHECKING:  # timm takes seconds to import, and what is finished or has its graph needs no network
    from timm.layers.conv2d_same import Conv2dSame
    from timm.models.resnet import ResNet
    from timm.models.vision_transformer import VisionTransformer

KEPT_POSITIONS = 16
LEAK = 0.01  # slope of the leaky ReLU in CFA's code


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a backbone, as declared by the model.

    Attributes:
        index: what it is asked for by: the stride of a stage, or the number of a transformer block from 0.
        name: `stride8`, `block5`.
        stride: image pixels per step of the feature grid.
        channels: size of a feature.
    """

    index: int
    name: str
    stride: int
    channels: int


class ConvNetwork(nn.Module):
    """The stages of a timm network with a feature pyramid.

    Args:
        model: the network; it is changed where it is padded otherwise than it was.
        strides: of the stages.
        replicates: whether convolutions see the picture's border go on beyond it instead of zeros: zeros are an edge
            that no part has, and features beside it are unlike all others.
    """

    family = Family.CONV

    def __init__(self, model: nn.Module, strides: Sequence[int] | None, *, replicates: bool = False) -> None:
        super().__init__()
        if replicates:
            _replicate_borders(model)
        by_stride = {int(stage["reduction"]): i for i, stage in enumerate(_stages(model))}
        wanted = strides or [s for s in USUAL[Family.CONV].layers if s in by_stride] or [max(by_stride)]
        if unknown := sorted(set(wanted) - set(by_stride)):
            raise UsageError(f"This backbone has no layer of stride {unknown[0]}. Its strides: {sorted(by_stride)}.")
        self.model = model
        self.indices = [by_stride[s] for s in sorted(set(wanted))]
        layers = [_conv_layer(_stages(model)[i]) for i in self.indices]
        self.layers = tuple(replace(one, name=f"{one.name}replicate") if replicates else one for one in layers)
        self.multiple = self.layers[-1].stride
        self.prefix = 0
        self.replicates = replicates

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised images -> one (B, C, h, w) map per layer."""
        maps = self.model.forward_intermediates(  # type: ignore[operator]
            images, indices=self.indices, stop_early=True, intermediates_only=True, output_fmt="NCHW"
        )
        return tuple(maps)

    def inputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """The arguments of `forward` for these images."""
        return (images,)


class LeakyResNetwork(nn.Module):
    """The stages of a ResNet as CFA's code sees them: before the last ReLU, through a leaky one.

    The network computes what it always did; the features keep small negative values.
    """

    family = Family.CONV
    replicates = False

    def __init__(self, model: "ResNet", strides: Sequence[int] | None) -> None:
        super().__init__()
        plain = ConvNetwork(model, strides)
        self.layers = tuple(replace(layer, name=f"{layer.name}leaky") for layer in plain.layers)
        self.multiple, self.prefix = plain.multiple, plain.prefix
        self.model = model
        self.chosen = [i - 1 for i in plain.indices]  # timm counts the stem as stage 0
        if min(self.chosen) < 0:
            raise UsageError(
                f"Before the ReLU there are only the layers of stride {plain.layers[0].stride * 2} and up."
            )
        for stage in self._stages():
            last = list(stage.children())[-1]
            setattr(last, "act3" if hasattr(last, "act3") else "act2", nn.Identity())

    def _stages(self) -> list[nn.Module]:
        return [self.model.get_submodule(f"layer{number}") for number in range(1, 5)]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised images -> one (B, C, h, w) map per layer."""
        model = self.model
        x = model.maxpool(model.act1(model.bn1(model.conv1(images))))
        found = []
        for i, stage in enumerate(self._stages()[: self.chosen[-1] + 1]):
            x = stage(x)
            if i in self.chosen:
                found.append(F.leaky_relu(x, LEAK))
            x = F.relu(x)
        return tuple(found)

    def inputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """The arguments of `forward` for these images."""
        return (images,)


class TransformerNetwork(nn.Module):
    """The tokens of chosen blocks of a timm VisionTransformer.

    Args:
        model: the transformer.
        blocks: numbers from 0, or from -1 backwards; the last block if None.
        norm: whether the model's final norm is applied to the tokens of every chosen block.
    """

    family = Family.TRANSFORMER
    replicates = False

    def __init__(self, model: "VisionTransformer", blocks: Sequence[int] | None, *, norm: bool) -> None:
        super().__init__()
        depth = len(model.blocks)
        wanted = blocks or (-1,)
        if unknown := [b for b in wanted if not -depth <= b < depth]:
            raise UsageError(f"This backbone has no block {unknown[0]}. Its blocks are 0 to {depth - 1}.")
        self.model = model
        self.norm = norm
        self.chosen = sorted({b % depth for b in wanted})
        self.prefix = int(model.num_prefix_tokens)
        height, width = model.patch_embed.patch_size
        if height != width:
            raise UsageError(f"This backbone's patches are {height} x {width}; only square ones are supported.")
        self.multiple = int(height)
        channels = int(model.embed_dim)
        self.layers = tuple(LayerInfo(b, f"block{b}", self.multiple, channels) for b in self.chosen)
        self._positions: dict[tuple[int, int], Tensor] = {}

    def forward(self, images: Tensor, position: Tensor) -> tuple[Tensor, ...]:
        """Tokens of each chosen block.

        Args:
            images: (B, 3, H, W), normalised.
            position: (1, prefix + P, D), from `position`.

        Returns:
            one (B, prefix + P, D) tensor per layer; the class token and registers come first.
        """
        tokens = self.embed(images, position)
        chosen = []
        for i, block in enumerate(self.model.blocks[: self.chosen[-1] + 1]):
            tokens = block(tokens)
            if i in self.chosen:
                chosen.append(self.model.norm(tokens) if self.norm else tokens)
        return tuple(chosen)

    def embed(self, images: Tensor, position: Tensor) -> Tensor:
        """Tokens before the first block, (B, prefix + P, D); arguments as in `forward`."""
        embed = self.model.patch_embed
        patches = embed.norm(embed.proj(images).flatten(2).transpose(1, 2))  # (B, P, D)
        first = position[:, : self.prefix].expand(patches.shape[0], -1, -1)
        tokens = torch.cat([first, patches + position[:, self.prefix :]], dim=1)
        return self.model.norm_pre(tokens)

    def inputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """The arguments of `forward` for these images."""
        h, w = images.shape[-2] // self.multiple, images.shape[-1] // self.multiple
        if (h, w) not in self._positions:
            if len(self._positions) >= KEPT_POSITIONS:  # a data set may have a thousand sizes, of 1 MB each
                self._positions.pop(next(iter(self._positions)))
            self._positions[h, w] = self.position(h, w)
        return images, self._positions[h, w]

    @torch.no_grad()
    def position(self, h: int, w: int) -> Tensor:
        """Class token, registers and position embedding, the last interpolated to (h, w): (1, prefix + P, D)."""
        model = self.model
        special: list[Tensor] = [t for t in (model.cls_token, model.reg_token) if t is not None]
        first = torch.cat(special, dim=1) if special else None  # (1, prefix, D)
        if model.pos_embed is None:
            rest = model.patch_embed.proj.weight.new_zeros(1, h * w, model.embed_dim)
            return rest if first is None else torch.cat([first, rest], dim=1)
        embedded = 0 if model.no_embed_class else self.prefix
        grid = model.patch_embed.grid_size
        from timm.layers.pos_embed import resample_abs_pos_embed

        position = resample_abs_pos_embed(model.pos_embed, (h, w), grid, num_prefix_tokens=embedded)
        if first is None:
            return position
        if model.no_embed_class:
            return torch.cat([first, position], dim=1)
        return torch.cat([first + position[:, : self.prefix], position[:, self.prefix :]], dim=1)


Network = ConvNetwork | LeakyResNetwork | TransformerNetwork


def network(
    model: nn.Module,
    layers: Sequence[int] | None,
    *,
    norm: bool = False,
    before_relu: bool = False,
    replicates: bool = False,
) -> Network:
    """The extractor for a timm model.

    Args:
        model: the model; it may be changed.
        layers: strides or blocks.
        norm: whether a transformer's final norm is applied.
        before_relu: whether a ResNet's features are those of `LeakyResNetwork`.
        replicates: whether a convolutional network's borders are padded with what is beside them; a transformer pads
            nothing.

    Raises:
        UsageError: no such layer, or a model that does not give intermediate features.
    """
    from timm.models.resnet import ResNet
    from timm.models.vision_transformer import VisionTransformer

    if type(model) is VisionTransformer:  # a subclass may embed its tokens in its own way
        return TransformerNetwork(model, layers, norm=norm).eval()
    if norm:
        raise UsageError("Only a vision transformer has a final norm to apply to its features.")
    if before_relu:
        if not isinstance(model, ResNet):
            raise UsageError(f"A {type(model).__name__} has no features before its ReLU to take, only a ResNet has.")
        return LeakyResNetwork(model, layers).eval()
    return ConvNetwork(model, layers, replicates=replicates).eval()


class _ReplicatingConv(nn.Module):
    """A convolution of timm that pads as TensorFlow does, with values of the border instead of zeros.

    Inputs are multiples of the network's stride, so what is padded is the same for all sizes.
    """

    def __init__(self, conv: "Conv2dSame") -> None:
        super().__init__()
        self.conv = conv
        sides: list[int] = []
        for kernel, stride, dilation in zip(conv.kernel_size, conv.stride, conv.dilation, strict=True):
            total = max(0, (kernel - 1) * dilation + 1 - stride)
            sides = [total // 2, total - total // 2, *sides]  # the last dimension comes first
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        own = self.conv
        padded = F.pad(x, self.sides, mode="replicate")
        return F.conv2d(padded, own.weight, own.bias, own.stride, 0, own.dilation, own.groups)


def _replicate_borders(module: nn.Module) -> None:
    from timm.layers.conv2d_same import Conv2dSame

    for name, child in list(module.named_children()):
        if isinstance(child, Conv2dSame):
            setattr(module, name, _ReplicatingConv(child))
        elif isinstance(child, nn.Conv2d) and child.padding_mode == "zeros":
            child.padding_mode = "replicate"
        else:
            _replicate_borders(child)


def _stages(model: nn.Module) -> list[dict[str, int | str]]:
    info = getattr(model, "feature_info", None)
    stages = list(getattr(info, "info", info) or [])
    strides = [stage["reduction"] for stage in stages]
    if not stages or len(set(strides)) != len(strides) or not hasattr(model, "forward_intermediates"):
        raise UsageError(
            f"A {type(model).__name__} gives no features by stride. Use a convolutional network or a plain ViT of timm."
        )
    return stages


def _conv_layer(stage: dict[str, int | str]) -> LayerInfo:
    stride = int(stage["reduction"])
    return LayerInfo(stride, f"stride{stride}", stride, int(stage["num_chs"]))
