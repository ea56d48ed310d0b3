"""The runtime as a wheel beside an export, so that nothing has to be looked for where it runs.

A wheel is a zip file with a few notes (PyPA's binary distribution format); building it with its own tools would ask an
index for them, and the line may have none. Its metadata are those of adtool/runtime/pyproject.toml, as a test says.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import adtool_runtime
from adtool.core import files

NAME = "adtool_runtime"
SUMMARY = "Runs what `adtool export` wrote, without torch."
PYTHON = ">=3.10"
REQUIRES = ("numpy>=1.26", "pydantic>=2.7", "opencv-python-headless>=4.9", "pillow>=10", "tifffile>=2024.1")
EXTRAS = {"openvino": "openvino>=2025.0", "onnx": "onnxruntime>=1.17"}
BORN = (1980, 1, 1, 0, 0, 0)  # of every file in it, so that the same runtime makes the same wheel


def name() -> str:
    """Of the file."""
    return f"{NAME}-{adtool_runtime.__version__}-py3-none-any.whl"


def write(folder: Path) -> Path:
    """Write the wheel into a folder."""
    info = f"{NAME}-{adtool_runtime.__version__}.dist-info"
    whole = {**dict(_modules()), f"{info}/METADATA": _metadata(), f"{info}/WHEEL": _wheel()}
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in whole.items()]
    whole[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in whole.items():
            archive.writestr(zipfile.ZipInfo(path, BORN), data, zipfile.ZIP_DEFLATED)
    files.write_bytes(folder / name(), buffer.getvalue())
    return folder / name()


def _modules() -> Iterator[tuple[str, bytes]]:
    spec = find_spec(NAME)
    assert spec is not None, "it is imported above"
    root = Path(str(spec.origin)).parent
    for path in sorted([*root.rglob("*.py"), *root.rglob("py.typed")]):
        yield f"{NAME}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _metadata() -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        "Name: adtool-runtime",
        f"Version: {adtool_runtime.__version__}",
        f"Summary: {SUMMARY}",
        "License: MIT",
        f"Requires-Python: {PYTHON}",
        *(f"Requires-Dist: {one}" for one in REQUIRES),
    ]
    for extra, needs in EXTRAS.items():
        lines += [f"Provides-Extra: {extra}", f'Requires-Dist: {needs}; extra == "{extra}"']
    return ("\n".join(lines) + "\n").encode()


def _wheel() -> bytes:
    return b"Wheel-Version: 1.0\nGenerator: adtool export\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
