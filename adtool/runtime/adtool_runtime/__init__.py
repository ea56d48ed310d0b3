"""adtool_runtime: runs what `adtool export` wrote, without torch and without adtool.

from adtool_runtime import load

part = load("export/bottle")
result = part.inspect("pictures/0001.png")
print(result.decision, result.score, result.boxes)
"""

import sys
from typing import TYPE_CHECKING, Any

# `import openvino` tells its makers so, over the network and from a forked process. Nobody asked for that, and the fork
# may wait for ever with the locks and pipes of its parent. Without this package OpenVINO tells nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    from adtool_runtime.boxes import Box
    from adtool_runtime.errors import AdtoolError
    from adtool_runtime.export import Export, load
    from adtool_runtime.judging import Result

__all__ = ["AdtoolError", "Box", "Export", "Result", "load"]
__version__ = "0.1.0"

_WHERE = {"AdtoolError": "errors", "Box": "boxes", "Export": "export", "Result": "judging", "load": "export"}


def __getattr__(name: str) -> Any:  # noqa: ANN401, whatever is asked for
    """Import a public name when it is first used: numpy and OpenCV take most of what an import takes."""
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"adtool_runtime.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'adtool_runtime' has no attribute '{name}'")
