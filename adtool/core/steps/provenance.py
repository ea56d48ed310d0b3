"""Where and with what a step ran: noted in `_step.json`, never compared."""

import platform
import sys
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("adtool", "torch", "timm", "openvino", "numpy", "opencv-python-headless")


def surroundings() -> dict[str, Any]:
    """Time, host, versions and command line."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": platform.node(),
        "python": platform.python_version(),
        "argv": " ".join(["adtool", *sys.argv[1:]]),
        "versions": dict(_versions()),
    }


@cache
def _versions() -> dict[str, str]:
    """Of what is installed: looked up once, since every category's note has them."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
