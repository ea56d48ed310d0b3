"""adtool: find what is wrong in pictures of industrial parts, and which kinds of wrong there are."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Threads of torch that wait sleep instead of spinning, unless somebody said how; torch must not be loaded yet.
# Beside any other work they took its cores, and a training ran at a quarter of its pace.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A checkout has its own `adtool_runtime` below it; a wheel has it beside itself.
if (_beside := Path(__file__).with_name("runtime")).is_dir() and str(_beside) not in sys.path:
    sys.path.insert(0, str(_beside))

import adtool_runtime  # noqa: F401, keeps OpenVINO from telling of itself, before anything loads it

if TYPE_CHECKING:
    from adtool import api
    from adtool.api import Detector
    from adtool.core.external_maps import write_maps

__all__ = ["Detector", "api", "write_maps"]


def __getattr__(name: str) -> Any:  # noqa: ANN401, whatever is asked for
    """Import the public function when it is first used: `import adtool` alone stays cheap."""
    if name == "write_maps":
        from adtool.core.external_maps import write_maps

        return write_maps
    if name in ("Detector", "api"):
        import importlib  # `from adtool import api` would ask here again

        module = importlib.import_module("adtool.api")
        return module.Detector if name == "Detector" else module
    raise AttributeError(f"module 'adtool' has no attribute '{name}'")
