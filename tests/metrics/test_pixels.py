import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from adtool.core.errors import BadDataError
from adtool.metrics import sorted_column
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import UndefinedError, auroc, average_precision, f1_max
from adtool.report.table import metrics


def _floats(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def _mask(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, dtype=bool)


def test_pixels_of_two_sizes_are_pooled_and_sorted():
    first = _floats([[3, 1], [2, 9]]), _mask([[0, 0], [0, 1]])
    second = _floats([[5, 0, 7]]), _mask([[0, 0, 1]])
    pixels = Pixels.of([first, second])
    assert np.concatenate(pixels.normals).tolist() == [0, 1, 2, 3, 5]
    assert pixels.defects.tolist() == [7, 9]
    assert pixels.regions.tolist() == [1, 0]  # 7 lies in the second image's region
    assert (pixels.n_images, pixels.n_pixels, pixels.n_regions) == (2, 7, 2)


def test_pixels_that_meet_at_a_corner_are_one_region():
    mask = _mask([[1, 0, 0, 1], [0, 1, 0, 1]])
    pixels = Pixels.of([(np.zeros((2, 4), np.float32), mask)])
    assert sorted(pixels.areas_px.tolist()) == [2, 2]


def test_regions_of_two_images_are_not_joined():
    pair = np.zeros((2, 2), np.float32), np.ones((2, 2), bool)
    pixels = Pixels.of([pair, pair])
    assert pixels.areas_px.tolist() == [4, 4]
    assert pixels.n_pixels == 8


def test_no_images_give_empty_pixels():
    pixels = Pixels.of([])
    assert (pixels.n_images, pixels.n_pixels, pixels.n_regions) == (0, 0, 0)
    assert np.isnan(pixels.tie_share)


def test_images_are_asked_for_one_at_a_time_and_left_as_they_are():
    scores = _floats([[2, 1], [4, 3]])

    def images() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(20):
            yield scores, _mask([[0, 0], [0, 1]])

    pixels = Pixels.of(images())
    assert np.concatenate(pixels.normals).tolist() == [1] * 20 + [2] * 20 + [4] * 20
    assert scores.tolist() == [[2, 1], [4, 3]]


def test_the_tie_share_counts_pairs_of_equal_scores():
    # Of 2 x 2 pairs, the defect at 1 ties with the normal at 1.
    pixels = Pixels.of([(_floats([[1, 0, 1, 2]]), _mask([[0, 0, 1, 1]]))])
    assert pixels.tie_share == 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    good = np.zeros((1, 2), np.float32), np.zeros((1, 2), bool)
    with pytest.raises(BadDataError, match=r"Image 2: the scores hold NaN or infinite"):
        Pixels.of([good, (_floats([[0, bad]]), good[1])])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(BadDataError, match=r"scores \(2, 2\) and mask \(2, 3\)"):
        Pixels.of([(np.zeros((2, 2), np.float32), np.zeros((2, 3), bool))])


def _category(rng):
    """Images of two sizes with many equal scores, and one image that is all defect."""
    for number in range(6):
        shape = (50 + number % 2, 60)
        mask = rng.random(shape) < 0.02
        yield (rng.integers(0, 200, shape) + 60 * mask).astype(np.float32), mask
    yield rng.integers(50, 300, (20, 20)).astype(np.float32), np.ones((20, 20), bool)


@pytest.mark.parametrize("limit", [0, 3000, 20_000, 60_000])
def test_the_figures_are_the_same_with_any_memory(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(sorted_column, "LEAST", 500)
    whole = Pixels.of(_category(np.random.default_rng(0)))
    parts = Pixels.of(_category(np.random.default_rng(0)), limit_bytes=limit, folder=tmp_path)
    assert len(whole.normals) == 1 < len(parts.normals)
    assert all((np.diff(part) >= 0).all() for part in parts.normals)
    assert (parts.n_pixels, parts.n_regions) == (whole.n_pixels, whole.n_regions)
    for name in ("above", "at_least", "defects", "scores"):
        assert np.array_equal(getattr(parts.ranking, name), getattr(whole.ranking, name))
    assert aupro(parts) == aupro(whole)
    assert not list(tmp_path.iterdir())  # nothing is left, even while it is in use


@pytest.mark.parametrize("at_once", [1, 7, 100, 500])
def test_the_figures_are_the_same_if_defects_are_ranked_in_parts(at_once):
    whole = Pixels.of(_category(np.random.default_rng(0)))
    parts = replace(whole, at_once=at_once)
    assert len(list(parts.rankings())) > 1 == len(list(whole.rankings()))
    assert parts.tie_share == pytest.approx(whole.tie_share, rel=1e-12)
    assert [auroc(parts.rankings()), f1_max(parts.rankings())] == [auroc(whole.ranking), f1_max(whole.ranking)]
    assert average_precision(parts.rankings()) == pytest.approx(average_precision(whole.ranking), rel=1e-12)
    assert aupro(parts) == pytest.approx(aupro(whole), rel=1e-12)


@pytest.mark.parametrize("of", [[], [(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))]])
def test_without_defects_nothing_is_ranked_whatever_the_memory(of):
    for pixels in (Pixels.of(of), Pixels.of(of, limit_bytes=0)):
        assert [part.n_defects for part in pixels.rankings()] == [0]
        with pytest.raises(UndefinedError):
            aupro(pixels)


def test_memory_is_bounded_by_the_limit(tmp_path):
    limit = 2**20

    def images():
        rng = np.random.default_rng(0)
        for _ in range(40):  # 2.6 M pixels, 10 MB
            yield rng.random((256, 256), dtype=np.float32), np.zeros((256, 256), bool)

    tracemalloc.start()
    try:
        pixels = Pixels.of(images(), limit_bytes=limit, folder=tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pixels.n_pixels == 40 * 256**2
    assert peak < limit + 2 * 2**20  # and a few images


def _figures(pixels):
    """Every pixel metric, and the share of ties."""
    found = {name: metric.compute(pixels) for name, metric in metrics("pixel")}
    return {**found, "ties": pixels.tie_share}


@pytest.mark.parametrize("limit", [0, 4000, 16_000])
def test_every_pixel_metric_is_the_same_from_runs_on_the_disk(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(sorted_column, "LEAST", 50)
    monkeypatch.setattr(sorted_column, "BLOCK", 3)
    whole = Pixels.of(_category(np.random.default_rng(0)))
    parts = Pixels.of(_category(np.random.default_rng(0)), limit_bytes=limit, folder=tmp_path)
    assert isinstance(parts.defects, np.memmap) and isinstance(parts.regions, np.memmap)
    assert len(list(parts.rankings())) > 1 < len(parts.normals)
    assert np.array_equal(parts.defects, whole.defects) and np.array_equal(parts.areas_px, whole.areas_px)
    assert np.array_equal(parts.regions, whole.regions)
    expected = _figures(whole)
    assert set(expected) > {"aupro", "aupro_0.05", "aupro_200", "pixel_ap", "pixel_auroc"}
    assert _figures(parts) == pytest.approx(expected, rel=1e-12, abs=0)
    assert not list(tmp_path.iterdir())


def test_scores_that_are_all_equal_are_ranked_a_few_at_a_time():
    """One score of more pixels than fit at once is still one step of every curve."""
    mask = np.zeros((40, 40), bool)
    mask[:20, :20] = True
    mask[30:, 30:] = True
    whole = Pixels.of([(np.ones((40, 40), np.float32), mask)])
    few = replace(whole, at_once=7)
    assert few.n_regions == 2
    assert _figures_of_ties(few) == pytest.approx(_figures_of_ties(whole), rel=1e-12)
    assert aupro(few) == pytest.approx(0.15)  # the half of its limit


def _figures_of_ties(pixels):
    return [aupro(pixels), auroc(pixels.rankings()), average_precision(pixels.rankings()), f1_max(pixels.rankings())]


def test_memory_is_bounded_by_the_limit_with_defects_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sorted_column, "LEAST", 1000)
    limit = 2**20

    def images():
        rng = np.random.default_rng(0)
        for _ in range(24):  # 0.8 M defect pixels, which were 24 MB while they were sorted, and 0.8 M others
            yield rng.random((256, 256), dtype=np.float32), np.arange(256)[None, :] < np.full((256, 1), 128)

    tracemalloc.start()
    try:
        pixels = Pixels.of(images(), limit_bytes=limit, folder=tmp_path)
        made = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        aupro(pixels)
        figured = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pixels.defects.size == 24 * 256 * 128
    assert made < limit + 3 * 2**20  # and a few images
    assert figured < 2 * limit
