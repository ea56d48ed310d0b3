"""What sees pictures in a graph: a network that is a part of it, or one that saw the tiles of the picture before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adtool.core.dataset.types import Sample
from adtool.detection.contract import SeenImage
from adtool.detection.frame import Frame
from adtool.nn.backbone import Backbone
from adtool.nn.engines import Inputs
from adtool.nn.tiles import Cut, Cutter
from adtool_runtime import tiles
from adtool_runtime.engines import SEEN
from adtool_runtime.forms import InputForm, TilesForm


@dataclass(frozen=True)
class Eye:
    """A network that sees the picture, with what it takes besides pixels of a size."""

    backbone: Backbone
    size: tuple[int, int]
    beside: Inputs

    @classmethod
    def of(cls, backbone: Backbone, size: tuple[int, int]) -> "Eye":
        """A network, and the (height, width) of what it sees."""
        return cls(backbone, size, backbone.beside(example(size)))

    def example(self) -> Tensor:
        """Pixels of that size."""
        return example(self.size)

    def form(self, image_size: int, reading: dict[str, object], **how: Any) -> InputForm:  # noqa: ANN401, as of the form
        """How it sees pictures that are brought to a size, as `adtool.json` says it."""
        network = self.backbone
        mean, std = list(network.mean), list(network.std)
        return InputForm(image_size=image_size, multiple=network.multiple, mean=mean, std=std, reading=reading, **how)

    def look(self, sample: Sample, pixels: Tensor) -> SeenImage:
        """What it sees, so that a tracer can follow."""
        found = self.backbone.traced(pixels, self.beside)
        layers, whole, first = ([x[0] for x in part] for part in (found.maps, found.whole, found.first))
        return SeenImage(sample, layers, self.size, whole, first, glance=pixels[0])

    def inputs(self, name: str) -> list[str]:
        """Names of what the graph takes for it."""
        return [name]

    def examples(self) -> tuple[Tensor, ...]:
        """Such inputs."""
        return (self.example(),)

    def see(self, sample: Sample, given: Sequence[Tensor]) -> SeenImage:
        """What it sees of them."""
        return self.look(sample, given[0])


@dataclass(frozen=True)
class TiledEye:
    """What a network saw in the tiles of a picture, put together.

    Attributes:
        backbone: the network.
        cut: of pictures, as they are brought to their size.
        shapes: (C, h, w) of each layer, of the whole picture.
    """

    backbone: Backbone
    cut: Cut
    shapes: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, backbone: Backbone, size: tuple[int, int], cutter: Cutter) -> "TiledEye":
        """A network, the (height, width) that pictures are brought to, and what cuts them."""
        side = cutter.input_px
        cut = tiles.cut(size, tile=side, input_px=side, overlap=cutter.overlap_px, multiple=cutter.multiple)
        tile = example(cut.tile)
        with torch.no_grad():
            maps = backbone.traced(tile, backbone.beside(tile)).maps
        return cls(backbone, cut, tuple((one.shape[1], *cut.grid(cut.tile[0] // one.shape[2])) for one in maps))

    def inputs(self, name: str) -> list[str]:
        """See `Eye.inputs`."""
        return [SEEN.format(name, number) for number in range(len(self.shapes))]

    def examples(self) -> tuple[Tensor, ...]:
        """See `Eye.examples`."""
        return tuple(torch.randn(1, *one, generator=torch.Generator().manual_seed(0)) for one in self.shapes)

    def see(self, sample: Sample, given: Sequence[Tensor]) -> SeenImage:
        """See `Eye.see`; what the size of the map decides, the runtime does."""
        return SeenImage(sample, [one[0] for one in given], self.cut.size)


def of_frame(frame: Frame, size: tuple[int, int]) -> Eye | TiledEye:
    """What sees pictures of a (height, width) for a detector."""
    cutter = frame.cutter
    return Eye.of(frame.backbone, size) if cutter is None else TiledEye.of(frame.backbone, size, cutter)


def of_each(frame: Frame) -> list[Frame]:
    """The frames of all networks of a detector, its own first."""
    return [frame, *([frame.beside] if frame.beside else [])]


def tiles_form(frame: Frame, graphs: dict[str, str]) -> TilesForm | None:
    """How a frame's pictures are cut, as `adtool.json` says it; `graphs` are the files of what sees tiles."""
    cutter = frame.cutter
    if cutter is None:
        return None
    return TilesForm(
        tile=cutter.tiling.size,
        input_px=cutter.input_px,
        overlap=cutter.overlap_px,
        layers=len(frame.backbone.layers),
        graphs=graphs,
    )


def example(size: tuple[int, int]) -> Tensor:
    """Pixels of a (height, width), always the same."""
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
