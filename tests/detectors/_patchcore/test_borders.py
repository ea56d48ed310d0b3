import cv2
import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import Frame, NormalImages
from adtool.detectors import patchcore
from adtool.detectors._patchcore import borders
from adtool.detectors.patchcore import Settings
from adtool.nn import backbone
from adtool.nn.networks import network


def test_rings_count_the_places_to_the_nearest_border():
    assert borders.rings((4, 5), 9, torch.device("cpu")).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    assert borders.rings((9, 9), 2, torch.device("cpu")).max() == 2


def test_distances_at_the_border_are_brought_down_to_the_middle_and_never_raised():
    ring = torch.tensor([0, 0, 1, 1, 2, 2])
    found = borders.factors(torch.tensor([3.0, 5.0, 1.0, 0.0, 2.0, 2.0]), ring, 2)
    assert found.tolist() == [0.5, 1, 1], "a mean of 4 at the border, 0.5 beside it, and 2 in the middle"
    calm = borders.calm(torch.ones(9), (3, 3), torch.tensor([0.5, 1.0]))
    assert calm.tolist() == [0.5] * 4 + [1] + [0.5] * 4


def test_nothing_is_known_of_a_ring_without_patches():
    assert borders.factors(torch.tensor([1.0]), torch.tensor([0]), 1).tolist() == [1, 1]


@pytest.fixture(scope="module")
def seen_by_a_network():
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", pretrained=False).eval()
    net = network(model, (4, 8), replicates=True)
    return Frame(backbone.from_network("replicating", net, "0", engine="torch", device="cpu"), 96, 8, 0)


def crops(folder, count, seed):
    """Pieces of one cloth, each from anywhere in it, so that every place shows the same kind of thing."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        noise = cv2.GaussianBlur(rng.normal(0, 1, (160, 160)), (0, 0), 2)
        threads = np.sin(np.arange(160) * 0.9 + rng.uniform(0, 6))[None] * 25
        image = np.clip(128 + threads + 120 * noise / np.abs(noise).max(), 0, 255)[32:128, 32:128]
        path = folder / f"{seed}_{number}.png"
        arrays.write_png(path, np.repeat(image[..., None], 3, axis=2).astype(np.uint8))
        found.append(Sample("cloth", path.stem, "train", "good", path))
    return found


@pytest.mark.slow
def test_pieces_of_one_cloth_score_at_the_border_as_in_the_middle(tmp_path, seen_by_a_network):
    normals = NormalImages(crops(tmp_path, 40, 0), seen_by_a_network, ModelFolder(tmp_path), [])
    opened = scoring.fit(patchcore, normals, Settings(pooled=False, drawn=20_000, bank_size=2000, blur=0))
    mean = np.mean([one.scores for one in opened.score(crops(tmp_path, 30, 1))], axis=0)
    middle = np.zeros(mean.shape, bool)
    middle[24:72, 24:72] = True
    outer = np.ones(mean.shape, bool)
    outer[6:-6, 6:-6] = False
    assert 0.95 < mean[outer].mean() / mean[middle].mean() < 1.05
