"""Exact AUPRO against the usual loop over 200 thresholds.

`pytest tests/benchmarks --benchmark-enable` prints the times; the normal suite runs each function once.
"""

import cv2
import numpy as np
import pytest

from adtool.report.metrics import aupro
from adtool.report.pixels import Pixels

THRESHOLDS = 200
Pairs = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def images() -> Pairs:
    """20 images of 256 x 256 with up to six blobs as defects, scores that overlap with the rest."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(20):
        mask = np.zeros((256, 256), np.uint8)
        for x, y, radius in rng.integers([10, 10, 3], [246, 246, 20], size=(index % 7, 3)):
            cv2.circle(mask, (int(x), int(y)), int(radius), 1, thickness=-1)
        noise = rng.normal(size=mask.shape).astype(np.float32)
        pairs.append((cv2.GaussianBlur(noise, (0, 0), 4) * 8 + mask, mask.astype(bool)))
    return pairs


def exact(images: Pairs) -> float:
    """AUPRO as the report computes it, from the maps on."""
    return aupro.compute(Pixels.of(images))


def sampled(images: Pairs) -> float:
    """200 equidistant thresholds; at each one, the overlap of every region and the false positives."""
    scores = np.stack([scores for scores, _ in images])
    masks = np.stack([mask for _, mask in images])
    labels = [cv2.connectedComponents(mask.astype(np.uint8), connectivity=8) for mask in masks]
    curve = []
    for threshold in np.linspace(scores.min(), scores.max(), THRESHOLDS):
        binary = scores > threshold
        overlaps = [
            binary[index][regions == region].mean()
            for index, (count, regions) in enumerate(labels)
            for region in range(1, count)
        ]
        curve.append((binary[~masks].mean(), np.mean(overlaps)))
    fpr, pro = np.array(sorted(curve)).T
    fine = np.linspace(0, aupro.MAX_FPR, 10_001)
    return float(np.interp(fine, fpr, pro).mean())


@pytest.mark.benchmark(group="aupro")
def test_exact(benchmark, images):
    assert 0.3 < benchmark(exact, images) < 0.999


@pytest.mark.benchmark(group="aupro")
def test_sampled_at_200_thresholds(benchmark, images):
    found = benchmark.pedantic(sampled, (images,), rounds=2)
    assert found == pytest.approx(exact(images), abs=0.01)
