from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from timm.layers import Conv2dSame
from timm.models.vision_transformer import VisionTransformer
from torch import nn


@pytest.fixture(autouse=True)
def own_folders(tmp_path, graph_folder, monkeypatch):
    """No test reads or writes the caches of the person who runs it, or asks the hub."""
    import huggingface_hub.constants

    monkeypatch.delenv("ADTOOL_WEIGHTS", raising=False)
    monkeypatch.setenv("ADTOOL_CACHE", str(graph_folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def tiny():
    """Networks small enough for tests, with random weights that do not change from run to run."""
    return SimpleNamespace(cnn=cnn, vit=vit, images=images)


class Cnn(nn.Module):
    """Five convolutions of stride 2 that pad as the embedded default's do (TF's SAME), as timm presents them."""

    def __init__(self):
        super().__init__()
        channels = (3, 4, 5, 6, 7, 8)
        self.stages = nn.ModuleList(Conv2dSame(i, o, 3, stride=2) for i, o in pairwise(channels))
        self.feature_info = [{"reduction": 2 ** (i + 1), "num_chs": channels[i + 1]} for i in range(5)]

    def forward_intermediates(self, x, indices, stop_early, intermediates_only, output_fmt):
        found = []
        for stage in self.stages:
            x = stage(x).relu()
            found.append(x)
        return [found[i] for i in indices]


def cnn():
    torch.manual_seed(0)
    return Cnn().eval()


def vit(**settings):
    """Three blocks of width 32, patches of 14 pixels, trained at a grid of 4 x 4, as it were."""
    torch.manual_seed(0)
    settings = {"img_size": 56, "patch_size": 14, "embed_dim": 32, "depth": 3, "num_heads": 2} | settings
    return VisionTransformer(num_classes=0, **settings).eval()


def images(batch, height, width, seed=0):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))
