"""MEBin against the same rule done directly (threshold, erode, count with statistics, 64 times), on one thread.

`pytest tests/benchmarks/test_mebin_speed.py --benchmark-enable` prints the times of 12 maps and, in brackets, their
ratios; the normal suite runs each function once.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.discover.binarize import SearchRange, binarize, stable_run

GOLDEN = Path(__file__).parents[1] / "golden" / "mebin.npz"
CASES = [("uint8", 256, 6), ("float32", 256, 3), ("float32", 518, 6)]


@pytest.fixture
def one_thread():
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


def magnetic_tiles(dtype: str, size: int) -> tuple[list[np.ndarray], SearchRange]:
    with np.load(GOLDEN) as golden:
        maps = [cv2.resize(scores.astype(dtype), (size, size)) for scores in golden["maps"]]
    return maps, SearchRange.over(scores.max() for scores in maps)


def fast(maps: list[np.ndarray], search: SearchRange, side: int) -> list[np.ndarray]:
    return [binarize(scores, search, side=side).binary for scores in maps]


def direct(maps: list[np.ndarray], search: SearchRange, side: int) -> list[np.ndarray]:
    return [_direct(scores, search.thresholds(integers=scores.dtype == np.uint8), side) for scores in maps]


def _direct(scores: np.ndarray, thresholds: np.ndarray, side: int) -> np.ndarray:
    kernel = np.ones((side, side), np.uint8)
    counts = []
    for threshold in thresholds:
        binary = cv2.erode((scores > scores.dtype.type(threshold)).astype(np.uint8), kernel)
        counts.append(cv2.connectedComponentsWithStats(binary, connectivity=8)[0] - 1)
    regions, end = stable_run(np.array(counts))
    if not regions:
        return np.zeros(scores.shape, bool)
    return cv2.erode((scores > scores.dtype.type(thresholds[end])).astype(np.uint8), kernel).astype(bool)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "size", "side"), CASES)
@pytest.mark.parametrize("way", [fast, direct], ids=["fast", "direct"])
def test_mebin(benchmark, one_thread, way, dtype, size, side):
    maps, search = magnetic_tiles(dtype, size)
    benchmark.group = f"mebin, 12 maps, {dtype}, {size} px"
    found = benchmark.pedantic(way, (maps, search, side), rounds=5)
    assert any(binary.any() for binary in found)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "size", "side"), CASES)
def test_both_ways_find_the_same(dtype, size, side):
    maps, search = magnetic_tiles(dtype, size)
    pairs = zip(fast(maps, search, side), direct(maps, search, side), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
