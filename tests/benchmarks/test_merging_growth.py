"""A noisy map has thousands of regions: what merging them costs must not grow with their cube, nor crops' with images.

Ratios of times in one run, so that they hold on any machine: four times as many may take sixteen times as long.
"""

import time

import numpy as np
import pytest

from adtool.core.crops import crop_boxes
from adtool.discover.merge import merge_regions

SIDE = 1024


def noisy(regions: int) -> np.ndarray:
    """A binary with so many single pixels that lie apart."""
    binary = np.zeros((SIDE, SIDE), bool)
    places = np.random.default_rng(0).choice((SIDE // 2) ** 2, regions, replace=False)
    binary[places // (SIDE // 2) * 2, places % (SIDE // 2) * 2] = True
    return binary


def seconds(work) -> float:
    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return min(once() for _ in range(2))


@pytest.mark.slow
def test_four_times_the_regions_take_at_most_a_quadratic_time():
    few, many = (noisy(count) for count in (500, 2000))
    few_s, many_s = seconds(lambda: crop_boxes(few, 500)), seconds(lambda: crop_boxes(many, 2000))
    assert many_s < 30 * few_s, f"{few_s:.3f} s and {many_s:.3f} s"  # 16, and room for noise; the cube were 64


@pytest.mark.slow
def test_crops_of_many_images_take_no_more_each_than_those_of_few():
    def merged(images: int) -> float:
        crop_image = np.repeat(np.arange(images), 4)
        probabilities = np.full((len(crop_image), 3), 1 / 3)
        return seconds(lambda: merge_regions(probabilities, crop_image, np.ones(len(crop_image), int), 50.0))

    few_s, many_s = merged(500), merged(8000)
    assert many_s < 60 * few_s, f"{few_s:.3f} s and {many_s:.3f} s"  # 16 is linear, 256 quadratic


@pytest.mark.benchmark(group="boxes")
def test_2000_regions(benchmark):
    binary = noisy(2000)
    assert 0 < len(benchmark(crop_boxes, binary, 2000)) <= 2000
