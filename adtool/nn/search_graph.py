"""The search for nearest vectors as an OpenVINO graph: on a CPU in about half of torch's time."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from adtool_runtime import parallel

GROUP = 100  # vectors whose highest value is found first: in a third of the time for the highest of long rows
ROWS = 256  # queries at a time, or fewer: what they give stays near the cores' caches
CHUNK_BYTES = 32 * 2**20  # of what they give


class SearchGraph:
    """Vectors on a CPU, to find for queries q that of the highest q.v - level of v among.

    Args:
        vectors: (M, D) float32.
    """

    def __init__(self, vectors: Tensor) -> None:
        self._lacking = -len(vectors) % GROUP
        self._vectors = F.pad(vectors, (0, 0, 0, self._lacking)).numpy()

    def highest(self, queries: Tensor, levels: Tensor) -> Tensor:
        """(P, D) queries and (M,) levels -> (P,) indices; of equal ones the first."""
        own = F.pad(levels, (0, self._lacking), value=torch.inf).numpy()
        request = self._compiled.create_infer_request()  # of each call: threads may search at once
        rows = min(ROWS, max(1, CHUNK_BYTES // self._vectors[:, 0].nbytes))
        found = []
        for part in torch.split(queries.contiguous(), rows):
            request.infer([part.numpy(), own], share_inputs=True, share_outputs=True)
            group, inside = (tensor.data.reshape(-1).astype(np.int64) for tensor in request.output_tensors)
            found.append(group * GROUP + inside)
        return torch.from_numpy(np.concatenate(found)) if found else torch.empty(0, dtype=torch.long)

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401, openvino has no types
        import openvino  # late: it is not installed everywhere

        settings = parallel.openvino_settings(many=False)
        return openvino.Core().compile_model(_graph(self._vectors), "CPU", settings)


def _graph(vectors: npt.NDArray[np.float32]) -> Any:  # noqa: ANN401, openvino has no types
    """Of (P, D) queries and (M,) levels: (P, 1) the group of the highest value, and (P, 1, 1) its place in it."""
    import openvino
    from openvino import opset13 as ops

    queries = ops.parameter([-1, vectors.shape[1]], np.float32)
    levels = ops.parameter([len(vectors)], np.float32)
    values = ops.subtract(ops.matmul(queries, ops.constant(vectors), False, True), levels)
    grouped = ops.reshape(values, ops.constant(np.array([0, len(vectors) // GROUP, GROUP])), True)
    group = _highest(ops.reduce_max(grouped, ops.constant([2])), 1)
    inside = _highest(ops.gather(grouped, group, ops.constant(1), batch_dims=1), 2)
    return openvino.Model([group, inside], [queries, levels])


def _highest(values: Any, axis: int) -> Any:  # noqa: ANN401, openvino has no types
    from openvino import opset13 as ops

    return ops.topk(values, ops.constant(1), axis, "max", "none", "i32").output(1)
