import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from adtool.core.errors import BadDataError
from adtool.nn import backbone, graphs
from adtool.nn.options import EngineChoice

NAME = "test_efficientnet"


@pytest.fixture
def weights(tmp_path):
    """Files with weights of a small network."""

    def write(name: str, seed: int):
        torch.manual_seed(seed)
        path = tmp_path / name
        save_file(timm.create_model(NAME, pretrained=False).state_dict(), path)
        return path

    return write


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ADTOOL_CACHE", str(tmp_path / "graphs"))


def fails(*_: object, **__: object):
    raise AssertionError("the network was made")


def test_a_network_that_was_made_once_is_not_made_to_be_known_again(weights, monkeypatch):
    path = weights("a.safetensors", 0)
    first = backbone.load(NAME, EngineChoice(path), layers=(8, 16), replicates=True)
    monkeypatch.setattr(timm, "create_model", fails)
    again = backbone.load(NAME, EngineChoice(path), layers=(8, 16), replicates=True)
    assert again.source == first.source
    assert (again.layers, again.mean, again.std) == (first.layers, first.mean, first.std)
    assert (again.multiple, again.prefix, again.family) == (first.multiple, first.prefix, first.family)
    with pytest.raises(AssertionError, match="the network was made"):
        backbone.load(NAME, EngineChoice(path), layers=(4,), replicates=True)


def test_where_the_graph_is_there_a_convolutional_network_is_not_made_at_all(weights, monkeypatch):
    path, images = weights("a.safetensors", 0), torch.rand(1, 3, 64, 96)
    expected = backbone.load(NAME, EngineChoice(path), layers=(8,)).features(images)
    monkeypatch.setattr(timm, "create_model", fails)
    found = backbone.load(NAME, EngineChoice(path), layers=(8,))
    assert torch.equal(found.features(images)[0], expected[0])


def test_torch_makes_it_when_it_runs_it(weights):
    path, images = weights("a.safetensors", 0), torch.rand(1, 3, 64, 96)
    chosen = EngineChoice(path, engine="torch")
    expected, found = (backbone.load(NAME, chosen, layers=(8,)).features(images)[0] for _ in range(2))
    assert torch.equal(found, expected)


def test_other_weights_are_another_network(weights):
    first, other = weights("a.safetensors", 0), weights("b.safetensors", 1)
    images = torch.rand(1, 3, 64, 64)
    one, two = (backbone.load(NAME, EngineChoice(path), layers=(8,)).features(images)[0] for path in (first, other))
    assert not torch.equal(one, two)
    assert len(list(graphs.cache_folder().glob(f"{NAME}-*.json"))) == 2


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"family": "conv"}', '{"family": "cow", "layers": []}'])
def test_facts_that_cannot_be_read_are_made_again(weights, content):
    path = weights("a.safetensors", 0)
    first = backbone.load(NAME, EngineChoice(path), layers=(8,))
    (place,) = graphs.cache_folder().glob(f"{NAME}-*.json")
    place.write_text(content)
    assert backbone.load(NAME, EngineChoice(path), layers=(8,)).source == first.source
    assert json.loads(place.read_text())["multiple"] == first.multiple


def test_facts_of_a_family_that_there_is_not_are_made_again(weights):
    path = weights("a.safetensors", 0)
    first = backbone.load(NAME, EngineChoice(path), layers=(8,))
    (place,) = graphs.cache_folder().glob(f"{NAME}-*.json")
    place.write_text(json.dumps({**json.loads(place.read_text()), "family": "cow"}))
    assert backbone.load(NAME, EngineChoice(path), layers=(8,)).source == first.source


def test_where_nothing_can_be_kept_the_network_is_made_each_time(weights, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("ADTOOL_CACHE", str(tmp_path / "file"))
    path = weights("a.safetensors", 0)
    one, two = (backbone.load(NAME, EngineChoice(path), layers=(8,)) for _ in range(2))
    assert one.source == two.source


def test_weights_that_do_not_fit_are_said_each_time(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False).state_dict(), path)
    for _ in range(2):
        with pytest.raises(BadDataError, match="does not hold the weights"):
            backbone.load(NAME, EngineChoice(path), layers=(8,))
