"""Graphs with smaller weights: halves, or bytes with a scale for each row; what is computed stays in full precision.

Runtimes unfold them when they load the graph, so that it is smaller on the disk alone, and answers differ by the
rounding of its weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adtool.core import files

Precision = Literal["f32", "f16", "int8"]
FULL, HALF, BYTES = "f32", "f16", "int8"
LEAST = 1024  # numbers in a constant: what is smaller weighs nothing
ROWS = 2  # axes that it has at least
HIGHEST = 127

Values = NDArray[Any]


def shrinks(values: Values) -> bool:
    """Whether a constant is one of the weights."""
    fits = values.dtype == np.float32 and values.size >= LEAST and values.ndim >= ROWS
    return fits and bool(np.isfinite(values).all()) and float(np.abs(values).max()) <= float(np.finfo(np.float16).max)


def as_bytes(values: Values) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights (R, ...) as bytes and a scale for each row, (R,): the highest of a row becomes 127."""
    highest = np.abs(values).max(axis=tuple(range(1, values.ndim)))
    scale = (np.maximum(highest, np.finfo(np.float32).tiny) / HIGHEST).astype(np.float32)
    rounded = np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1)))
    return np.clip(rounded, -HIGHEST, HIGHEST).astype(np.int8), scale


def shrink_openvino(model: Any, precision: Precision) -> None:  # noqa: ANN401, openvino has no types
    """Give a model of OpenVINO such weights, in place."""
    from openvino import opset13 as ops

    if precision == FULL:
        return
    for node in model.get_ops():
        if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() != "f32":
            continue
        values = np.asarray(node.data)
        if not shrinks(values):
            continue
        if precision == HALF:
            unfolded = ops.convert(ops.constant(values.astype(np.float16)), "f32")
        else:
            small, scale = as_bytes(values)
            by = ops.constant(scale.reshape(-1, *[1] * (values.ndim - 1)))
            unfolded = ops.multiply(ops.convert(ops.constant(small), "f32"), by)
        for end in node.output(0).get_target_inputs():
            end.replace_source_output(unfolded.output(0))


def shrink_onnx(path: Path, precision: Precision) -> None:
    """Give a file of ONNX such weights."""
    import onnx

    if precision == FULL:
        return
    model = onnx.load(str(path))
    graph = model.graph
    before: list[Any] = []
    for tensor in list(_constants(onnx, graph)):
        values = onnx.numpy_helper.to_array(tensor)
        if not shrinks(values):
            continue
        small, scale = f"{tensor.name}_small", f"{tensor.name}_scale"
        if precision == HALF:
            graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), small))
            before.append(onnx.helper.make_node("Cast", [small], [tensor.name], to=onnx.TensorProto.FLOAT))
        else:
            rounded, by = as_bytes(values)
            graph.initializer.append(onnx.numpy_helper.from_array(rounded, small))
            graph.initializer.append(onnx.numpy_helper.from_array(by, scale))
            before.append(onnx.helper.make_node("DequantizeLinear", [small, scale], [tensor.name], axis=0))
        graph.initializer.remove(tensor)
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    files.write_with(path, lambda part: onnx.save(model, str(part)))


def _constants(onnx: Any, graph: Any) -> Iterator[Any]:  # noqa: ANN401, onnx has no types
    """Tensors of a graph that are constant; those of nodes become initializers."""
    nodes = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
    for node in nodes:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)
    yield from graph.initializer
