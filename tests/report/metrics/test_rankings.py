"""image_auroc image_ap image_f1max_oracle pixel_auroc pixel_ap pixel_f1max_oracle against the reference codes."""

from pathlib import Path

import numpy as np
import pytest

from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores
from adtool.report.metrics import (
    image_ap,
    image_auroc,
    image_f1max_oracle,
    pixel_ap,
    pixel_auroc,
    pixel_f1max_oracle,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.mark.parametrize("scores", ["a", "b", "c"])  # continuous, few levels, heavy tail
def test_pixel_figures_equal_those_of_the_musc_code(golden, scores):
    pixels = Pixels.of(zip(golden[f"maps_{scores}"], golden["masks"].astype(bool), strict=True))
    auroc, f1_max, ap, _ = golden[f"musc_pixel_{scores}"]
    assert pixel_auroc.compute(pixels) == pytest.approx(auroc, abs=1e-9)
    assert pixel_ap.compute(pixels) == pytest.approx(ap, abs=1e-9)
    assert pixel_f1max_oracle.compute(pixels) == pytest.approx(f1_max, abs=1e-9)


@pytest.mark.parametrize("scores", ["a", "b", "c"])
def test_image_figures_equal_those_of_the_musc_code(golden, scores):
    images = ImageScores(golden[f"image_score_max_{scores}"].astype(np.float64), golden["labels"] == 1)
    auroc, f1_max, ap = golden[f"musc_image_{scores}"]
    assert image_auroc.compute(images) == pytest.approx(auroc, abs=1e-9)
    assert image_ap.compute(images) == pytest.approx(ap, abs=1e-9)
    assert image_f1max_oracle.compute(images) == pytest.approx(f1_max, abs=1e-9)


@pytest.mark.parametrize("scores", ["a", "b", "c"])
def test_image_auroc_equals_the_golden_value_for_every_score_rule(golden, scores):
    rules = ["max", "top1pct_min250", "top1pct", "top250", "top10", "avgpool16_max"]
    for rule, expected in zip(rules, golden[f"image_auroc_by_rule_{scores}"], strict=True):
        values = golden[f"image_score_{rule}_{scores}"].astype(np.float64)
        assert image_auroc.compute(ImageScores(values, golden["labels"] == 1)) == pytest.approx(expected, abs=1e-9)
