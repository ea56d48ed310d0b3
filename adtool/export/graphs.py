"""A detector as one graph: pixels in, a grid of scores out; by OpenVINO, and as ONNX."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from adtool.core import files
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, UsageError
from adtool.detection.contract import Exportable, SeenImage, Showing
from adtool.detection.frame import Frame
from adtool.export import eyes
from adtool.export.eyes import TiledEye
from adtool.export.precision import Precision, shrink_onnx, shrink_openvino
from adtool.nn import graphs
from adtool.nn.backbone import Backbone
from adtool_runtime.engines import BESIDE, GRID, LAYER, PIXELS, SHOWN
from adtool_runtime.manifest import ONNX, OPENVINO

OPSET = 17  # of ONNX


def files_of(name: str) -> Mapping[str, Sequence[str]]:
    """The files of a graph in each format."""
    return {OPENVINO: (f"{name}.xml", f"{name}.bin"), ONNX: (f"{name}.onnx",)}


def first_files(files: Mapping[str, Sequence[str]], formats: Sequence[str]) -> dict[str, str]:
    """Of each of some formats the file that is loaded."""
    return {one: files[one][0] for one in formats}


MODEL, SPOTS_SEEN = files_of("model"), files_of("spots")
TILES_SEEN = (files_of("tiles"), files_of("beside_tiles"))  # by the detector's network, and by a second one


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
        sizes: (height, width) that each network sees, the first one's first; see `sizes.of_inputs`.
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
        frames = eyes.of_each(frame)
        self._eyes = [eyes.of_frame(one, size) for one, size in zip(frames, sizes, strict=True)]
        self._shown = model if isinstance(model, Showing) and frame.beside is not None else None
        seen = [eye.inputs(name) for eye, name in zip(self._eyes, (PIXELS, BESIDE), strict=False)]
        self.inputs = [*chain(*seen), *(name for one in self._extras for name in one.inputs)]
        own = [GRID, *([] if self._shown is None else [SHOWN])]
        self.outputs = own + [name for one in self._extras for name in one.outputs]

    def example(self) -> tuple[Tensor, ...]:
        """Pixels of the sizes that the networks see, or layers of the pictures whose tiles they saw."""
        own = tuple(given for eye in self._eyes for given in eye.examples())
        return own + tuple(pixels for one in self._extras for pixels in one.example())

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """(1, 3, H, W) normalised pixels for each network -> (h, w) scores and more, as `outputs` names them."""
        left = list(given)
        taken = [[left.pop(0) for _ in eye.inputs("")] for eye in self._eyes]
        seen, *others = [eye.see(self._sample, own) for eye, own in zip(self._eyes, taken, strict=True)]
        if others:
            seen = replace(seen, beside=others[0])
        found: tuple[Tensor, ...] = (self._model.grid(seen),) if self._shown is None else self._shown.grids(seen)
        for one in self._extras:
            own = [left.pop(0) for _ in one.inputs]
            found = (*found, *one.of(seen, own, found[0]))
        return found


class SeeingGraph(nn.Module):
    """A network alone, for a tracer: it sees the turns of a spot, or a tile.

    Args:
        backbone: the network.
        name: of its input.
        count: pictures at once.
        size: (height, width) of each, in pixels.

    Attributes:
        inputs: their names.
        outputs: their names.
    """

    def __init__(self, backbone: Backbone, name: str, count: int, size: tuple[int, int]) -> None:
        super().__init__()
        self._backbone, self._shape = backbone, (count, 3, *size)
        self._beside = backbone.beside(self.example()[0])
        self.inputs = [name]
        self.outputs = [LAYER.format(number) for number in range(len(backbone.layers))]

    def example(self) -> tuple[Tensor, ...]:
        """Such pictures."""
        return (torch.randn(self._shape, generator=torch.Generator().manual_seed(0)),)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(count, 3, height, width) normalised -> one (count, C, h, w) tensor per layer."""
        return tuple(self._backbone.traced(pixels, self._beside).maps)


def of_tiles(frame: Frame, size: tuple[int, int]) -> SeeingGraph | None:
    """What sees the tiles of pictures that are brought to a size; None where they are seen whole."""
    eye = eyes.of_frame(frame, size)
    return SeeingGraph(frame.backbone, PIXELS, 1, eye.cut.tile) if isinstance(eye, TiledEye) else None


Graph = GridGraph | SeeingGraph


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
