"""A detector as one graph: pixels in, a grid of scores out; by OpenVINO, and as ONNX."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adtool.core import files
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, UsageError
from adtool.detection.contract import Exportable, SeenImage
from adtool.detection.frame import Frame
from adtool.nn import graphs
from adtool_runtime.engines import GRID, PIXELS

OPSET = 17  # of ONNX


class GridGraph(nn.Module):
    """What a tracer follows: the network and the search of one category.

    Args:
        frame: of the detector.
        model: what it learned.
        category: of the pictures, for models of several.
    """

    def __init__(self, frame: Frame, model: Exportable, category: str) -> None:
        super().__init__()
        self._frame, self._model = frame, model
        self._sample = Sample(category, "", "", "", Path())
        self._beside = frame.backbone.beside(example(frame))

    def forward(self, pixels: Tensor) -> Tensor:
        """(1, 3, H, W) normalised pixels -> (h, w) scores."""
        found = self._frame.backbone.traced(pixels, self._beside)
        layers, whole, first = ([x[0] for x in part] for part in (found.maps, found.whole, found.first))
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        return self._model.grid(SeenImage(self._sample, layers, size, whole, first))


def example(frame: Frame) -> Tensor:
    """Pixels of the size that the network sees."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, frame.input_px, frame.input_px, generator=generator)


def write_openvino(graph: GridGraph, pixels: Tensor, path: Path) -> None:
    """Write the graph as OpenVINO's two files, `path` and the same with the suffix .bin.

    Raises:
        BadDataError: OpenVINO can't convert it.
    """
    import openvino

    try:
        made = graphs.converted(graph, (pixels,))
    except graphs.unconverted() as error:
        raise BadDataError(f"OpenVINO can't convert this model: {_reason(error)}") from None
    _name(made, pixels)
    openvino.save_model(made, str(path), compress_to_fp16=False)


def _name(made: Any, pixels: Tensor) -> None:  # noqa: ANN401, openvino has no types
    """Give the graph its size, and its ends their names."""
    made.reshape(list(pixels.shape))
    made.inputs[0].get_tensor().set_names({PIXELS})
    made.outputs[0].get_tensor().set_names({GRID})


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


def write_onnx(graph: GridGraph, pixels: Tensor, path: Path) -> None:
    """Write the graph as ONNX.

    Raises:
        BadDataError: torch can't export it.
    """

    def write(part: Path) -> None:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of every shape that becomes a constant; the comparison decides instead
            torch.onnx.export(
                graph,
                (pixels,),
                str(part),
                dynamo=False,
                opset_version=OPSET,
                input_names=[PIXELS],
                output_names=[GRID],
            )

    try:
        files.write_with(path, write)
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        raise BadDataError(f"torch can't export this model as ONNX: {_reason(error)}") from None
