"""A detector as one graph: pixels in, a grid of scores out; by OpenVINO, and as ONNX."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from adtool.core import files
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, UsageError
from adtool.detection.contract import Exportable, SeenImage, Showing
from adtool.detection.frame import Frame
from adtool.export.precision import Precision, shrink_onnx, shrink_openvino
from adtool.nn import graphs
from adtool.nn.backbone import Backbone
from adtool.nn.engines import Inputs
from adtool_runtime.engines import BESIDE, GRID, LAYER, PIXELS, SHOWN, SPOTS
from adtool_runtime.manifest import InputForm

OPSET = 17  # of ONNX


@dataclass(frozen=True)
class Eye:
    """A network that sees the picture, with what it takes besides pixels of a size."""

    backbone: Backbone
    size: tuple[int, int]
    beside: Inputs

    @classmethod
    def of(cls, backbone: Backbone, size: tuple[int, int]) -> "Eye":
        """A network, and the (height, width) of what it sees."""
        return cls(backbone, size, backbone.beside(_example(size)))

    def example(self) -> Tensor:
        """Pixels of that size."""
        return _example(self.size)

    def form(self, image_size: int, reading: dict[str, object], **how: Any) -> InputForm:  # noqa: ANN401, as of the form
        """How it sees pictures that are brought to a size, as `adtool.json` says it."""
        network = self.backbone
        mean, std = list(network.mean), list(network.std)
        return InputForm(image_size=image_size, multiple=network.multiple, mean=mean, std=std, reading=reading, **how)

    def look(self, sample: Sample, pixels: Tensor) -> SeenImage:
        """What it sees, so that a tracer can follow."""
        found = self.backbone.traced(pixels, self.beside)
        layers, whole, first = ([x[0] for x in part] for part in (found.maps, found.whole, found.first))
        return SeenImage(sample, layers, self.size, whole, first)


class Extra(Protocol):
    """What else a graph takes and gives: for the classes, for the filter."""

    @property
    def inputs(self) -> list[str]:
        """Names of what it takes."""

    @property
    def outputs(self) -> list[str]:
        """Names of what it gives."""

    def example(self) -> tuple[Tensor, ...]:
        """Such inputs."""

    def of(self, seen: SeenImage, pixels: Sequence[Tensor], grid: Tensor) -> tuple[Tensor, ...]:
        """What it gives of a picture: by what the detector's network sees of it, its own inputs, and the grid."""


class GridGraph(nn.Module):
    """What a tracer follows: the networks and the search of one category.

    Args:
        frame: of the detector.
        model: what it learned.
        category: of the pictures, for models of several.
        sizes: (height, width) that each network sees, the first one's first.
        extras: what else is asked of the graph.

    Attributes:
        inputs: their names.
        outputs: their names.
    """

    def __init__(
        self,
        frame: Frame,
        model: Exportable,
        category: str,
        sizes: Sequence[tuple[int, int]],
        extras: Sequence[Extra] = (),
    ) -> None:
        super().__init__()
        self._extras = list(extras)
        self._model = model
        self._sample = Sample(category, "", "", "", Path())
        frames = [frame, *([frame.beside] if frame.beside else [])]
        self._eyes = [Eye.of(one.backbone, size) for one, size in zip(frames, sizes, strict=True)]
        self._shown = model if isinstance(model, Showing) and frame.beside is not None else None
        self.inputs = [PIXELS, BESIDE][: len(frames)] + [name for one in self._extras for name in one.inputs]
        own = [GRID, *([] if self._shown is None else [SHOWN])]
        self.outputs = own + [name for one in self._extras for name in one.outputs]

    def example(self) -> tuple[Tensor, ...]:
        """Pixels of the sizes that the networks see."""
        own = tuple(eye.example() for eye in self._eyes)
        return own + tuple(pixels for one in self._extras for pixels in one.example())

    def forward(self, *pixels: Tensor) -> tuple[Tensor, ...]:
        """(1, 3, H, W) normalised pixels for each network -> (h, w) scores and more, as `outputs` names them."""
        left = list(pixels[len(self._eyes) :])
        seen, *others = [eye.look(self._sample, one) for eye, one in zip(self._eyes, pixels, strict=False)]
        if others:
            seen = replace(seen, beside=others[0])
        found: tuple[Tensor, ...] = (self._model.grid(seen),) if self._shown is None else self._shown.grids(seen)
        for one in self._extras:
            own = [left.pop(0) for _ in one.inputs]
            found = (*found, *one.of(seen, own, found[0]))
        return found


class SpotGraph(nn.Module):
    """The network that sees the turns of a spot, for a tracer.

    Args:
        backbone: the network.
        turns: how many at once.
        side: of each, in pixels.

    Attributes:
        inputs: their names.
        outputs: their names.
    """

    def __init__(self, backbone: Backbone, turns: int, side: int) -> None:
        super().__init__()
        self._backbone, self._shape = backbone, (turns, 3, side, side)
        self._beside = backbone.beside(self.example()[0])
        self.inputs = [SPOTS]
        self.outputs = [LAYER.format(number) for number in range(len(backbone.layers))]

    def example(self) -> tuple[Tensor, ...]:
        """Such turns."""
        return (torch.randn(self._shape, generator=torch.Generator().manual_seed(0)),)

    def forward(self, turns: Tensor) -> tuple[Tensor, ...]:
        """(turns, 3, side, side) normalised -> one (turns, C, h, w) tensor per layer."""
        return tuple(self._backbone.traced(turns, self._beside).maps)


Graph = GridGraph | SpotGraph


def _example(size: tuple[int, int]) -> Tensor:
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))


def write_openvino(graph: Graph, path: Path, precision: Precision) -> None:
    """Write the graph as OpenVINO's two files, `path` and the same with the suffix .bin.

    Raises:
        BadDataError: OpenVINO can't convert it.
    """
    import openvino

    try:
        made = graphs.converted(graph, graph.example())
    except graphs.unconverted() as error:
        raise BadDataError(f"OpenVINO can't convert this model: {_reason(error)}") from None
    _name(made, graph)
    shrink_openvino(made, precision)
    openvino.save_model(made, str(path), compress_to_fp16=False)


def _name(made: Any, graph: Graph) -> None:  # noqa: ANN401, openvino has no types
    """Give the graph its sizes, and its ends their names."""
    made.reshape({place: list(one.shape) for place, one in enumerate(graph.example())})
    for ends, names in ((made.inputs, graph.inputs), (made.outputs, graph.outputs)):
        for end, name in zip(ends, names, strict=True):
            end.get_tensor().set_names({name})


def _reason(error: Exception) -> str:
    """The last line that says something."""
    lines = [one.strip() for one in str(error).splitlines() if one.strip()]
    return lines[-1] if lines else type(error).__name__


def require_onnx() -> None:
    """Refuse to write ONNX without what writes it.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("onnx") is None:
        raise UsageError("--format onnx takes the package onnx: pip install onnx onnxruntime.")


def write_onnx(graph: Graph, path: Path, precision: Precision) -> None:
    """Write the graph as ONNX.

    Raises:
        BadDataError: torch can't export it.
    """

    def write(part: Path) -> None:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of every shape that becomes a constant; the comparison decides instead
            torch.onnx.export(
                graph,
                graph.example(),
                str(part),
                dynamo=False,
                opset_version=OPSET,
                input_names=graph.inputs,
                output_names=graph.outputs,
            )

    try:
        files.write_with(path, write)
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        raise BadDataError(f"torch can't export this model as ONNX: {_reason(error)}") from None
    shrink_onnx(path, precision)
