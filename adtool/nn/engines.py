"""Two ways to run a network: torch, and OpenVINO, which is 1.5 to 12 times as fast on a CPU.

Both take the network's input tuple (images first) and give one tensor per layer.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from adtool.nn import device as machine
from adtool.nn.networks import Network
from adtool_runtime import parallel

Key = TypeVar("Key")
FULL, HALF = "full", "half"  # words for a precision, as models note it
Inputs = tuple[Tensor, ...]
Outputs = list[Tensor]


class Engine(Protocol):
    """Runs a network."""

    name: str
    device: torch.device
    precision: str

    def run(self, inputs: Inputs) -> Outputs:
        """One batch, as fast as one batch can be."""

    def stream(self, jobs: Iterable[tuple[Key, Inputs]]) -> Iterator[tuple[Key, Outputs]]:
        """Many batches of any sizes, in order, as many per second as can be."""


class TorchEngine:
    """The network as it is; channels last on CUDA, and there in half precision if that is asked for."""

    name = "torch"

    def __init__(self, network: Network, device: torch.device, *, half: bool = False) -> None:
        self.device = device
        self.is_half = device.type == "cuda" and half
        self.precision = HALF if self.is_half else FULL
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self._network = network.to(device, memory_format=layout)  # type: ignore[call-overload]

    @torch.no_grad()  # not inference_mode: a head may be trained on these features
    def run(self, inputs: Inputs) -> Outputs:
        """One batch; the result stays on the device, in float32."""
        moved = [x.to(self.device, non_blocking=True) for x in inputs]
        if self.device.type == "cuda":
            moved[0] = moved[0].contiguous(memory_format=torch.channels_last)
        exact = nullcontext() if self.is_half else machine.all_bits()
        with exact, torch.autocast(self.device.type, dtype=torch.float16, enabled=self.is_half):
            return [output.float() for output in self._network(*moved)]

    def stream(self, jobs: Iterable[tuple[Key, Inputs]]) -> Iterator[tuple[Key, Outputs]]:
        """One batch after the other; CUDA runs beside the producer by itself."""
        for key, inputs in jobs:
            yield key, self.run(inputs)


class OpenVinoEngine:
    """A graph converted once, with dynamic sizes: measured to be as fast as one compiled per size.

    Args:
        graph: an OpenVINO model.
        precision: `f32`, or `bf16`, which changes EfficientNet's features by 2 %.
    """

    name = "openvino"
    device = torch.device("cpu")

    def __init__(self, graph: Any, precision: str = "f32") -> None:  # noqa: ANN401, openvino has no types
        self.precision = FULL if precision == "f32" else precision
        self._graph = graph
        self._precision = precision
        self._compiled: dict[bool, Any] = {}

    def run(self, inputs: Inputs) -> Outputs:
        """One batch: all cores work on a single image, several share out the images."""
        batch = inputs[0].shape[0]
        parts = min(batch, self._streams())
        if parts == 1:
            request = self._for(many=False).create_infer_request()
            arrays = _arrays(inputs)
            request.start_async(arrays, share_inputs=True)
            return _finished(request)
        jobs = ((i, (chunk, *inputs[1:])) for i, chunk in enumerate(inputs[0].tensor_split(parts)))
        done = [outputs for _, outputs in self.stream(jobs)]
        return [torch.cat(layer) for layer in zip(*done, strict=True)]

    def stream(self, jobs: Iterable[tuple[Key, Inputs]]) -> Iterator[tuple[Key, Outputs]]:
        """Batches run beside the producer and the consumer: twice as many are begun as there are streams."""
        compiled = self._for(many=True)
        free = [compiled.create_infer_request() for _ in range(2 * self._streams())]
        begun: deque[tuple[Key, Any, list[Any]]] = deque()  # oldest first; arrays must outlive their request
        try:
            for key, inputs in jobs:
                done = None if free else begun[0]
                if done is not None:
                    outputs = _finished(done[1])
                    free.append(begun.popleft()[1])
                arrays = _arrays(inputs)
                free[-1].start_async(arrays, share_inputs=True)
                begun.append((key, free.pop(), arrays))
                if done is not None:  # only now, so that the streams have work while the consumer works
                    yield done[0], outputs
            while begun:
                outputs = _finished(begun[0][1])
                yield begun.popleft()[0], outputs
        finally:  # a consumer that stops early, or an error: nothing may read freed arrays
            for _, request, _ in begun:
                request.wait()

    def _streams(self) -> int:
        return int(self._for(many=True).get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def _for(self, *, many: bool) -> Any:  # noqa: ANN401, openvino has no types
        import openvino  # late: it is not installed everywhere

        if many not in self._compiled:
            settings = parallel.openvino_settings(many=many, precision=self._precision)
            self._compiled[many] = openvino.Core().compile_model(self._graph, "CPU", settings)
        return self._compiled[many]


def _arrays(inputs: Inputs) -> list[Any]:
    return [x.detach().cpu().contiguous().numpy() for x in inputs]


def _finished(request: Any) -> Outputs:  # noqa: ANN401, openvino has no types
    """Wait, and copy, as the request's own memory is used again."""
    request.wait()
    return [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]
