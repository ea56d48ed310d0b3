import pickle
import urllib.error
import urllib.request
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models.vgg import VGG

from adtool.core.errors import BadDataError, MissingInputError, MissingWeightsError, UsageError
from adtool.nn import backbone, weights
from adtool.nn.options import EngineChoice

EXTRA = torch.zeros(1)
SMALL = "test_vit"  # one of timm's own miniatures


@pytest.fixture
def state():
    torch.manual_seed(1)
    return timm.create_model(SMALL).state_dict()


def loaded(path, name=SMALL):
    model = timm.create_model(name)
    weights.install_into(model, weights.WeightsFile(name, path, "file"))
    return model.state_dict()


def test_aliases_and_timm_names_name_the_same_backbone():
    assert weights.canonical("dinov2_vits14") == weights.canonical("vit_small_patch14_dinov2")
    assert weights.find("efficientnet_lite0") == weights.find("tf_efficientnet_lite0")


def test_a_misspelt_backbone_is_an_error_that_offers_near_names():
    with pytest.raises(UsageError, match="Did you mean dinov2_vits14"):
        weights.find("dinov2_vits_14")


def test_the_embedded_weights_come_from_the_installed_package():
    found = weights.find("tf_efficientnet_lite0")
    assert found.origin == "embedded"
    model = timm.create_model(found.name)
    weights.install_into(model, found)
    published = torch.load(found.path, weights_only=True)
    for ours, theirs in zip(model.state_dict().values(), published.values(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_embedded_weights_are_the_published_file():
    assert weights.EMBEDDED_SHA256.startswith(weights.find("efficientnet_lite0").id)


def test_missing_weights_are_an_error_that_names_the_ways_to_get_them():
    with pytest.raises(MissingWeightsError) as caught:
        backbone.load("vit_small_patch14_dinov2")
    assert caught.value.exit_code == 4
    for way in ("adtool weights install dinov2_vits14", "--weights FILE", str(weights.folder())):
        assert way in str(caught.value)
    with pytest.raises(MissingWeightsError, match=r"resnet18\.safetensors"):
        backbone.load("resnet18")


def test_the_weights_folder_comes_from_the_environment(monkeypatch, tmp_path, state):
    assert weights.folder() == tmp_path / "cache" / "adtool" / "weights"
    monkeypatch.setenv("ADTOOL_WEIGHTS", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    save_file(state, tmp_path / "mine" / f"{SMALL}.safetensors")
    found = weights.find(SMALL)
    assert (found.origin, found.path) == ("folder", tmp_path / "mine" / f"{SMALL}.safetensors")
    assert backbone.load(SMALL, EngineChoice(engine="torch")).weights_id == found.id


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "wrapped.pth"])
def test_a_file_is_read_whatever_its_format(tmp_path, state, name):
    path = tmp_path / name
    if name.endswith(".safetensors"):
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if name.startswith("wrapped") else state, path)
    assert all(torch.equal(value, state[key]) for key, value in loaded(path).items())


def test_only_a_classifier_may_be_absent_or_left_over(tmp_path, state):
    torch.save({k: v for k, v in state.items() if not k.startswith("head")}, tmp_path / "a.pth")
    assert torch.equal(loaded(tmp_path / "a.pth")["norm.bias"], state["norm.bias"])
    torch.save({k: v for k, v in state.items() if k != "norm.bias"}, tmp_path / "b.pth")
    with pytest.raises(BadDataError, match=r"lacks `norm\.bias`"):
        loaded(tmp_path / "b.pth")
    torch.save({**state, "extra": torch.zeros(1)}, tmp_path / "c.pth")
    with pytest.raises(BadDataError, match="unknown `extra`"):
        loaded(tmp_path / "c.pth")
    torch.save({**state, "norm.bias": torch.zeros(3)}, tmp_path / "d.pth")
    with pytest.raises(BadDataError, match=r"another shape of `norm\.bias`"):
        loaded(tmp_path / "d.pth")


def test_a_classifier_of_other_classes_is_ignored(tmp_path, state):
    torch.save({**state, "head.weight": torch.zeros(5, 64), "head.bias": torch.zeros(5)}, tmp_path / "a.pth")
    assert torch.equal(loaded(tmp_path / "a.pth")["norm.bias"], state["norm.bias"])


def test_weights_of_another_backbone_are_refused(tmp_path):
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "a.pth")
    with pytest.raises(BadDataError, match="does not hold the weights of test_vit"):
        loaded(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(BadDataError, match=name):
        loaded(tmp_path / name)


class Trap:
    """Pickled as a call that would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_weights_file_is_never_run(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"w": Trap(tmp_path / "sprung")}))
    with pytest.raises(BadDataError):
        loaded(tmp_path / "a.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(MissingInputError, match="--weights"):
        weights.find(SMALL, tmp_path / "none.pth")


def test_the_id_follows_the_content_not_the_name(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (weights.WeightsFile("x", tmp_path / name, "file").id for name in "abc")
    assert a == b != c
    (tmp_path / "a").write_bytes(b"22")
    assert weights.WeightsFile("x", tmp_path / "a", "file").id != a


def test_weights_in_torchs_own_cache_are_found(tmp_path):
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    name = timm.models.get_pretrained_cfg("resnet18").url.rpartition("/")[2]
    (folder / name).write_bytes(b"")
    assert weights.find("resnet18").path == folder / name


def test_a_hub_that_is_switched_off_is_not_asked(monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the hub was asked"))
    with pytest.raises(MissingWeightsError):
        weights.find("resnet18")


def test_a_hub_out_of_reach_is_asked_once_and_briefly(monkeypatch):
    asked = []

    def refuse(request, timeout):
        asked.append((request.full_url, timeout))
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(MissingWeightsError):
        weights.find("resnet18")
    ((url, wait),) = asked
    assert url.endswith("model.safetensors")
    assert wait <= 5


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
        lambda state: {"epoch": 3, "model": state},
        lambda state: {"student": {}, "teacher": {f"backbone.{k}": v for k, v in state.items()} | {"head.x": EXTRA}},
        lambda state: {"model_state_dict": {f"module.model.{name}": value for name, value in state.items()}},
    ],
)
def test_the_checkpoint_of_a_training_is_unwrapped(tmp_path, state, wrap):
    torch.save(wrap(state), tmp_path / "a.pth")
    assert torch.equal(loaded(tmp_path / "a.pth")["norm.bias"], state["norm.bias"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_file_and_tensor(tmp_path, state, value):
    wrong = state["norm.bias"].clone()
    wrong[3] = value
    torch.save({"state_dict": {**state, "norm.bias": wrong}}, tmp_path / "a.pth")
    with pytest.raises(BadDataError, match=r"a\.pth: the tensor `norm\.bias` holds NaN"):
        loaded(tmp_path / "a.pth")


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3, "model": {"name": "vit"}}, tmp_path / "a.pth")
    with pytest.raises(BadDataError, match=r"a\.pth holds no tensors"):
        loaded(tmp_path / "a.pth")


def test_a_tag_that_a_backbone_does_not_have_is_an_error_that_names_those_it_has():
    assert weights.canonical("resnet18.tv_in1k") == "resnet18.tv_in1k"
    with pytest.raises(UsageError, match=r"no weights `tv` of the backbone resnet18\. .*resnet18\.tv_in1k"):
        weights.canonical("resnet18.tv")


def test_the_file_of_a_torchvision_resnet_is_taken_as_it_was_published(tmp_path):
    name = "resnet18.tv_in1k"
    with torch.device("meta"):
        theirs = torchvision.models.resnet18().state_dict()
        model = timm.create_model(name)
    old = {key: torch.ones(one.shape) for key, one in theirs.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "theirs.pth")
    model.to_empty(device="cpu")
    weights.install_into(model, weights.WeightsFile(name, tmp_path / "theirs.pth", "file"))
    assert all(bool((one == 1).all()) for key, one in model.state_dict().items() if key in old)


def small_vgg():
    """With the layers of a VGG, in few channels."""
    return VGG([8, "M", 16, "M"], norm_layer=torch.nn.BatchNorm2d, num_classes=5)


def vgg_of_torchvision(cfg=(8, "M", 16, "M")):
    """What torchvision stores of the same network."""
    features = torchvision.models.vgg.make_layers(list(cfg), batch_norm=True)
    there = {f"features.{key}": one for key, one in features.state_dict().items()}
    layers = {"0": (4096, 16 * 49), "3": (4096, 4096), "6": (1000, 4096)}
    return there | {f"classifier.{key}.weight": torch.zeros(1).expand(shape) for key, shape in layers.items()}


def test_the_file_of_a_torchvision_vgg_is_taken_with_its_layer_of_7_x_7_places(tmp_path):
    with torch.device("meta"):
        model = small_vgg()
    model.to_empty(device="cpu")
    theirs = vgg_of_torchvision()
    torch.save(theirs, tmp_path / "theirs.pth")
    weights.install_into(model, weights.WeightsFile("vgg19_bn", tmp_path / "theirs.pth", "file"))
    ours = model.state_dict()
    assert all(torch.equal(ours[key], one) for key, one in theirs.items() if key.startswith("features."))
    torch.save(vgg_of_torchvision((8, 8, "M", 16, "M")), tmp_path / "deeper.pth")
    with pytest.raises(BadDataError, match="does not hold the weights of vgg19_bn") as caught:
        weights.install_into(model, weights.WeightsFile("vgg19_bn", tmp_path / "deeper.pth", "file"))
    assert caught.value.exit_code == 3
