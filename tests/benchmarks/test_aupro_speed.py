"""Exact AUPRO against the usual loop over 200 thresholds.

`pytest tests/benchmarks --benchmark-enable` prints the times; the normal suite runs each function once.
"""

import time

import cv2
import numpy as np
import pytest

from adtool.metrics.pixels import Pixels
from adtool.report.metrics import aupro

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


def with_region_properties(images: Pairs) -> float:
    """The loop as published codes have it: at each threshold the regions of every mask, and of each its overlap.

    Images may differ in size. Finding the regions costs less here than with scikit-image, which those codes call.
    """
    low, high = min(scores.min() for scores, _ in images), max(scores.max() for scores, _ in images)
    normals = sum(np.count_nonzero(~mask) for _, mask in images)
    curve = []
    for threshold in np.linspace(low, high, THRESHOLDS):
        overlaps, false = [], 0
        for scores, mask in images:
            binary = scores > threshold
            false += np.count_nonzero(binary & ~mask)
            count, labels, properties, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
            for region in range(1, count):
                x, y, w, h, area = properties[region]
                box = slice(y, y + h), slice(x, x + w)
                overlaps.append(np.count_nonzero(binary[box] & (labels[box] == region)) / area)
        curve.append((false / normals, np.mean(overlaps)))
    fpr, pro = np.array(sorted(curve)).T
    return float(np.interp(np.linspace(0, aupro.MAX_FPR, 10_001), fpr, pro).mean())


@pytest.mark.benchmark(group="aupro")
def test_exact(benchmark, images):
    assert 0.3 < benchmark(exact, images) < 0.999


@pytest.mark.benchmark(group="aupro")
def test_sampled_at_200_thresholds(benchmark, images):
    found = benchmark.pedantic(sampled, (images,), rounds=2)
    assert found == pytest.approx(exact(images), abs=0.01)


@pytest.mark.slow
def test_exact_is_at_least_ten_times_as_fast_as_region_properties_at_200_thresholds(images):
    def seconds(compute) -> tuple[float, float]:
        started = time.process_time()
        return compute(images), time.process_time() - started

    value, exact_s = min((seconds(exact) for _ in range(3)), key=lambda found: found[1])
    loop_value, loop_s = seconds(with_region_properties)
    assert loop_value == pytest.approx(value, abs=0.01)
    assert loop_s >= 10 * exact_s, f"{loop_s:.2f} s and {exact_s:.2f} s"
