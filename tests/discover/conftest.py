from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays, files
from adtool.core.dataset import dataset_folder
from adtool.nn import backbone

SIDE = 48
KINDS = {"good": 6, "dot": 5, "bar": 5}


@pytest.fixture(scope="session")
def tiny_backbone():
    """A network with random weights: enough to tell a dot from a bar."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    return backbone.from_model("tiny", model, layers=(4, 8), engine="torch")


@dataclass(frozen=True)
class Picture:
    pixels: np.ndarray
    scores: np.ndarray


def picture(kind, rng):
    """Grey noise; a dark dot or a bright bar on it, which the map knows."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    y, x = rng.integers(14, SIDE - 14, 2).tolist()
    if kind == "dot":
        cv2.circle(mask, (x, y), 7, 1, -1)
    if kind == "bar":
        mask[y - 4 : y + 4, 8:40] = 1
    grey = rng.integers(110, 130, (SIDE, SIDE)) + mask.astype(int) * (-90 if kind == "dot" else 120)
    scores = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5) * rng.uniform(0.8, 1)
    scores += rng.random((SIDE, SIDE)) * 0.1
    pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return Picture(pixels, cv2.resize(scores.astype(np.float32), (SIDE // 2, SIDE // 2)))


def _write_maps(data: Path, category: str, ids: dict[str, np.ndarray]):
    for key, scores in ids.items():
        arrays.write_scores(Path("maps", category, f"{key}.tiff"), scores, arrays.image_score(scores))
    rows = [
        {"id": key, "kind": "", "image_score": arrays.image_score(scores), "decision": ""}
        for key, scores in ids.items()
    ]
    files.write_csv(Path("maps", category, "images.csv"), ("id", "kind", "image_score", "decision"), rows)
    fingerprint = dataset_folder.read_dataset(data).category(category).fingerprint()
    note = {"command": "maps", "state": "done", "settings": {}, "seed": 0, "inputs": {"images": fingerprint}}
    files.write_json(Path("maps", category, "_step.json"), note)
    files.write_json(Path("maps", "_step.json"), {"command": "maps", "data": str(data)})


@pytest.fixture
def write_maps():
    """Writes the maps of a data set's category: (path, category, {image id: scores})."""
    return _write_maps


@pytest.fixture
def workspace(tmp_path, monkeypatch, tiny_backbone):
    """The current folder, with data/parts (category `parts`) and its finished maps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backbone, "load", lambda *_, **__: tiny_backbone)
    rng, maps = np.random.default_rng(0), {}
    for kind, count in KINDS.items():
        for k in range(count):
            made = picture(kind, rng)
            arrays.write_png(Path("data", "parts", "test", kind, f"{k}.png"), made.pixels)
            maps[f"test/{kind}/{k}"] = made.scores
    _write_maps(Path("data", "parts"), "parts", maps)
    return tmp_path


@pytest.fixture
def flat_workspace(workspace):
    """As `workspace`, the same images in one folder without labels: data set and category `flat`."""
    maps = {}
    for k, path in enumerate(sorted(Path("data", "parts").rglob("*.png"))):
        target = Path("flat", f"{k:02d}.png")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
        key = path.relative_to(Path("data", "parts")).with_suffix("")
        maps[target.stem] = arrays.read_scores(Path("maps", "parts", f"{key}.tiff")).scores
    files.write_json(Path("maps", "parts", "_step.json"), {"command": "maps", "state": "running"})
    _write_maps(Path("flat"), "flat", maps)
    return workspace
