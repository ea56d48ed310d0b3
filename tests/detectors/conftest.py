from types import SimpleNamespace

import pytest
import timm
import torch

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import ModelFolder
from adtool.detection.contract import Frame, Needs
from adtool.nn import backbone


@pytest.fixture
def parts_with(tiny_data, tmp_path):
    """A tiny category, a frame with a network, and a folder for a model: `parts_with(network, train=5)`."""

    def make(network, *, train, needs=None):
        category = read_dataset(tiny_data.make(tmp_path / "parts", train=train)).category("parts")
        return SimpleNamespace(
            category=category,
            folder=ModelFolder(tmp_path / "model"),
            frame=Frame(network, 64, 4, 0, needs or Needs()),
        )

    return make


@pytest.fixture(scope="session")
def three_stages():
    """A network with random weights and three stages, each half as fine as the one before."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    return backbone.from_model("test_resnet", model, layers=(4, 8, 16), engine="torch")


@pytest.fixture
def same():
    """Whether two models have equal networks."""

    def compare(one, other):
        one, other = one.model, other.model
        pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    return compare
