"""Smaller weights: what they cost is said, in every runtime, and refuses nothing."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from adtool.export import precision
from adtool_runtime import load

HAS_ONNX = all(map(find_spec, ("onnx", "onnxruntime")))
MOST = {"f16": 2e-2, "int8": 0.2}


@pytest.mark.slow
@pytest.mark.usefixtures("instead_of_weights")
@pytest.mark.parametrize("small", MOST)
def test_an_export_with_smaller_weights_is_smaller_and_says_what_it_costs(exported, adtool, small):
    full = {path.name: path.stat().st_size for path in Path("export/parts").iterdir()}
    if HAS_ONNX:
        assert adtool("export", "--force", "--format", "both").code == 0
        full = {path.name: path.stat().st_size for path in Path("export/parts").iterdir()}
    ran = adtool("export", "--force", "--precision", small, *(("--format", "both") if HAS_ONNX else ()))
    assert ran.code == 0, ran.err
    manifest = json.loads(Path("export/parts/adtool.json").read_text())
    assert manifest["precision"] == small
    engines = manifest["checked"]["engines"]
    assert len(engines) == (3 if HAS_ONNX else 1)
    for one in engines:
        assert 0 < one["largest_difference"] < MOST[small]
    for name in ("model.bin", *(("model.onnx",) if HAS_ONNX else ())):
        assert Path(f"export/parts/{name}").stat().st_size < {"f16": 0.7, "int8": 0.55}[small] * full[name], name
    worst = max(engines, key=lambda one: one["largest_difference"])
    assert f"{worst['largest_difference']:.1e}" in ran.err
    assert f"--precision {small} does not give the answers of adtool" in ran.err
    assert small in Path("export/parts/README.md").read_text()
    assert load("export/parts").manifest.precision == small


def test_rows_become_bytes_with_a_scale_of_their_own():
    values = np.array([[127.0, -63.5, 0.4], [0, 0, 0]], np.float32)
    small, scale = precision.as_bytes(values)
    assert small.tolist() == [[127, -64, 0], [0, 0, 0]], "half a step rounds to the even one"
    assert scale[0] == 1
    assert np.isfinite(scale).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.ones((32, 32), np.float32), True),
        (np.ones((32, 32), np.float64), False),
        (np.ones(4096, np.float32), False),
        (np.ones((4, 4), np.float32), False),
        (np.full((32, 32), 1e6, np.float32), False),  # beyond what a half holds
        (np.full((32, 32), np.inf, np.float32), False),
    ],
)
def test_only_weights_shrink(values, expected):
    assert precision.shrinks(values) is expected
