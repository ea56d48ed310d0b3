"""What runs a graph: OpenVINO, or ONNX Runtime; each is imported when it is asked for."""

import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from adtool_runtime import parallel
from adtool_runtime.errors import BadDataError, UsageError
from adtool_runtime.forms import Manifest
from adtool_runtime.image_scores import Floats
from adtool_runtime.manifest import AGAIN, MANIFEST, ONNX, OPENVINO

MODULES = {OPENVINO: "openvino", ONNX: "onnxruntime"}
READS = {OPENVINO: (OPENVINO, ONNX), ONNX: (ONNX,)}  # the formats that each engine reads, the best first
AUTO = "auto"
# Names of the graph's inputs, and of its outputs: scores that are judged, and those that are shown if they are others.
PIXELS, BESIDE, GRID, SHOWN = "pixels", "beside", "grid", "shown"
# For the classes: what their own network sees, the turns of a spot, and layers of tokens.
CLASS_PIXELS, SPOTS, LAYER = "class_pixels", "spots", "layer{}"
SEEN = "{}_layer{}"  # input of the graph that searches where the picture is seen in tiles: layers of a network, whole
FILTER_PIXELS, ODDS = "filter_pixels", "odds"  # for the filter: the same, and (h, w) log-odds of being anomalous

Named = Mapping[str, Floats]


class Engine(Protocol):
    """Runs one graph; may be called from several threads."""

    name: str
    graph: str

    def run(self, inputs: Named) -> dict[str, Floats]:
        """Normalised pixels, (1, 3, H, W) -> grids of (h, w) scores; all by the names above."""


def installed() -> list[str]:
    """The engines that are installed here, the fastest first."""
    return [name for name, module in MODULES.items() if find_spec(module) is not None]


def usable(manifest: Manifest) -> list[tuple[str, str]]:
    """Installed engines that can run an export, each with every format of its graph that it reads."""
    return [(name, one) for name in installed() for one in READS[name] if one in manifest.graphs]


def opened(
    folder: Path,
    manifest: Manifest,
    engine: str = AUTO,
    *,
    many: bool,
    graph: str = "",
    files: Mapping[str, str] | None = None,
) -> Engine:
    """An export's graph, ready to run.

    Args:
        folder: of the export.
        manifest: of it.
        engine: `auto`, or one of MODULES.
        many: whether many pictures are run side by side, or one as fast as can be.
        graph: the format of the graph; by default the best that there is.
        files: of another graph of the export, in each format; by default those of its own.

    Raises:
        UsageError: no such engine, or none is installed that can run it.
        BadDataError: the graph can't be read.
    """
    if engine not in (AUTO, *MODULES):
        raise UsageError(f"There is no engine '{engine}'. There are: {', '.join((AUTO, *MODULES))}.")
    found = [pair for pair in usable(manifest) if engine in (AUTO, pair[0]) and graph in ("", pair[1])]
    if not found:
        needed = sorted({MODULES[name] for name, formats in READS.items() if {*formats} & manifest.graphs.keys()})
        raise UsageError(
            f"{folder} holds {' and '.join(manifest.graphs)}, which no engine that is installed here"
            f"{'' if engine == AUTO else f' ({engine} was asked for)'} can run: pip install {' or '.join(needed)}."
        )
    name, kind = found[0]
    path = folder / (files or manifest.graphs)[kind]
    try:
        made: Engine = _OpenVino(path, many=many) if name == OPENVINO else _Onnx(path, many=many)
    except (RuntimeError, ValueError, OSError) as error:
        raise BadDataError(f"{path} can't be run by {name} ({_reason(error)}). {AGAIN}") from None
    return made


def _reason(error: Exception) -> str:
    """The first line that says something: OpenVINO begins with the places of its code."""
    lines = [one.strip() for one in str(error).splitlines() if one.strip()]
    told = [one for one in lines if not one.startswith(("Exception from ", "Check '"))]
    return (told or lines or [type(error).__name__])[0]


class Found(dict[str, Floats]):
    """What a graph gave, by the names above."""

    def __missing__(self, name: str) -> Floats:
        """What adtool.json asks for must be there."""
        raise BadDataError(f"The graph gives no '{name}', which {MANIFEST} asks for. {AGAIN}")


def _ran(path: str, run: Callable[[], Found]) -> Found:
    """What a graph gives of inputs that come about as adtool.json says; that may have been changed."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001, those of the engines have no other kind in common
        raise BadDataError(f"{path} can't be run on what {MANIFEST} gives it ({_reason(error)}). {AGAIN}") from None


# OpenVINO's bindings set themselves up while they first run, and two threads that do so at once can wait for each other
# for ever: one for Python's own lock, the other for what the first one sets up.
_FIRST_RUN = threading.Lock()


class _OpenVino:
    """OpenVINO on the CPU; threads share out the cores where many pictures run side by side."""

    def __init__(self, path: Path, *, many: bool) -> None:
        import openvino

        settings = parallel.openvino_settings(many=many)  # what is in fewer bits is so in the graph, and was measured
        core = openvino.Core()
        self.name = f"OpenVINO {metadata.version('openvino')}"
        self.graph = path.name
        read = core.read_model(str(path))
        self._outputs = [one.get_any_name() for one in read.outputs]  # a compiled one may have names of its own besides
        self._compiled = core.compile_model(read, "CPU", settings)
        self._own = threading.local()
        self._has_run = False

    def run(self, inputs: Named) -> dict[str, Floats]:
        if self._has_run:
            return _ran(self.graph, lambda: self._run(inputs))
        with _FIRST_RUN:
            found = _ran(self.graph, lambda: self._run(inputs))
            self._has_run = True
        return found

    def _run(self, inputs: Named) -> Found:
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        request = self._own.request
        request.infer(dict(inputs), share_inputs=True)
        # The request's own memory is used again, so what it holds is copied.
        return Found({name: request.get_output_tensor(place).data.copy() for place, name in enumerate(self._outputs)})


class _Onnx:
    """ONNX Runtime on the CPU; one thread a picture where many run side by side."""

    def __init__(self, path: Path, *, many: bool) -> None:
        import onnxruntime

        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if many else parallel.core_count()
        options.log_severity_level = 3
        self.name = f"ONNX Runtime {metadata.version('onnxruntime')}"
        self.graph = path.name
        self._session = _session(onnxruntime, path, options)
        self._outputs = [one.name for one in self._session.get_outputs()]

    def run(self, inputs: Named) -> dict[str, Floats]:
        return _ran(self.graph, lambda: self._run(inputs))

    def _run(self, inputs: Named) -> Found:
        return Found(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


def _session(onnxruntime: Any, path: Path, options: Any) -> Any:  # noqa: ANN401, it has no types
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001, its errors have no other kind in common
        raise RuntimeError(str(error)) from None
