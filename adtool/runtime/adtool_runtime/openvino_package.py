"""OpenVINO, imported without what its import says to its makers.

`import openvino` sends a message over the network where the package openvino_telemetry is installed, which it comes
with, and starts a process of its own for that. Neither may be on a line's machine; and such a process, forked beside
threads, can wait for ever and keep the pipes of the one that it came from open.
"""

import importlib
import sys
import threading
from typing import Any

TELEMETRY = "openvino_telemetry"
_LOCK = threading.Lock()


def imported(module: str = "openvino") -> Any:  # noqa: ANN401, openvino has no types
    """The package, with its frontends and sets of operators; or a module of it.

    Raises:
        ImportError: it is not installed.
    """
    with _LOCK:
        if "openvino" not in sys.modules:
            others = {name: one for name, one in sys.modules.items() if name.partition(".")[0] == TELEMETRY}
            sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # its import fails, which OpenVINO is prepared for
            try:
                importlib.import_module("openvino")
            finally:
                del sys.modules[TELEMETRY]
                sys.modules.update(others)
        return importlib.import_module(module)
