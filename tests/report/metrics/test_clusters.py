"""Metrics nmi, ari, f1 and f1_defects."""

from pathlib import Path

import numpy as np
import pytest

from adtool.metrics.ranking import UndefinedError
from adtool.report.classes import LabelledClasses
from adtool.report.metrics import ari, f1, f1_defects, nmi

GOLDEN = Path(__file__).parents[2] / "golden" / "cluster_metrics.npz"
GOOD = frozenset({"good"})


def _images(kinds: str, classes: str) -> LabelledClasses:
    """Kinds and classes as letters; `g` is the normal kind, `n` the class normal."""
    return LabelledClasses(
        ["good" if k == "g" else k for k in kinds], ["normal" if c == "n" else c for c in classes], GOOD
    )


def test_the_hand_example_of_three_kinds():
    images = _images("ggaabb", "112223")
    # Kinds of 2 each, classes of 2, 3 and 1: matched 1-g, 2-a, 3-b, five of six are right.
    assert f1.compute(images) == pytest.approx(5 / 6)
    # Pairs together: 3 of kind, 1 + 3 + 0 of class, 2 of both; expected by chance 3 * 4 / 15.
    expected = 3 * 4 / 15
    assert ari.compute(images) == pytest.approx((2 - expected) / ((3 + 4) / 2 - expected))
    entropy_kinds = np.log(3)
    entropy_classes = -(2 * np.log(2 / 6) + 3 * np.log(3 / 6) + np.log(1 / 6)) / 6
    # Kind given class: class 2 holds two a and one b.
    left = 0.5 * -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert nmi.compute(images) == pytest.approx((entropy_kinds - left) / ((entropy_kinds + entropy_classes) / 2))


def test_names_of_classes_do_not_matter():
    for metric in (nmi, ari, f1):
        assert metric.compute(_images("ggaabb", "yyxxzz")) == pytest.approx(1)


def test_one_class_for_everything_gives_zero_and_the_share_of_the_largest_kind():
    images = _images("gggaab", "xxxxxx")
    assert (nmi.compute(images), ari.compute(images), f1.compute(images)) == (0, 0, 0.5)


def test_f1_over_defects_leaves_out_normal_images():
    images = _images("ggggaabb", "nnnnxnyy")
    assert f1.compute(images) == pytest.approx(7 / 8)
    assert f1_defects.compute(images) == pytest.approx(3 / 4)


def test_a_class_full_of_normal_images_cannot_stand_for_a_defect():
    # Among the defects alone, x would be matched to a; with the normal images it stands for good.
    images = _images("ggggaaab", "xxxxxxxy")
    assert f1_defects.compute(images) == pytest.approx(1 / 4)


def test_a_defect_in_the_class_normal_is_wrong_even_if_that_class_is_matched_to_its_kind():
    images = _images("aaab", "nnny")
    assert f1.compute(images) == 1
    assert f1_defects.compute(images) == pytest.approx(1 / 4)


@pytest.mark.parametrize("metric", [nmi, ari])
def test_one_kind_only_is_a_reason_not_a_figure(metric):
    with pytest.raises(UndefinedError, match=r"only one kind \(a\)"):
        metric.compute(_images("aaa", "xyz"))


@pytest.mark.parametrize("metric", [nmi, ari, f1])
def test_no_image_is_a_reason_not_a_figure(metric):
    with pytest.raises(UndefinedError, match="no image with a known kind"):
        metric.compute(_images("", ""))


def test_f1_over_defects_needs_a_defect():
    with pytest.raises(UndefinedError, match="no defect images"):
        f1_defects.compute(_images("gg", "xy"))


def test_the_figures_equal_those_of_the_anomalyncd_code():
    with np.load(GOLDEN) as golden:
        cases = zip(
            golden["case_names"], golden["n_samples"], golden["labels"], golden["predictions"], golden["nmi_ari_f1"],
            strict=True,
        )  # fmt: skip
        compared = 0
        for name, n, labels, predictions, expected in cases:
            images = LabelledClasses(
                [f"kind {k}" for k in labels[:n]], [f"class {c}" for c in predictions[:n]], frozenset()
            )
            assert f1.compute(images) == pytest.approx(expected[2], abs=1e-9), name
            if name != "single class and single cluster":  # we call this undefined, the reference gives 1
                assert nmi.compute(images) == pytest.approx(expected[0], abs=1e-9), name
                assert ari.compute(images) == pytest.approx(expected[1], abs=1e-9), name
                compared += 1
    assert compared == 9
