"""What every metric must keep to; a new file is found by itself."""

import numpy as np
import pytest

from adtool.core import plugins
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores, UndefinedError
from adtool.report.classes import LabelledClasses

NAMES = plugins.names("report.metrics")
MASK = np.array([[0, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
KINDS = ["good", "good", "hole", "crack"]
PERFECT = {
    "pixel": Pixels.of([(MASK.astype(np.float32), MASK)]),
    "image": ImageScores(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]), limit=0.5),
    "classes": LabelledClasses(KINDS, ["normal", "normal", "c1", "c2"], frozenset({"good"})),
    "regions": LabelledClasses(KINDS, ["normal", "normal", "c1", "c2"], frozenset({"good"}), unit="region"),
}
AT_LIMIT = ("found_at_limit", "false_alarms_at_limit", "balanced_accuracy", "f1_at_limit", "balanced_accuracy_oracle")
EMPTY = {
    "pixel": Pixels.of([]),
    "image": ImageScores(np.array([]), np.array([], dtype=bool)),
    "classes": LabelledClasses([], [], frozenset({"good"})),
    "regions": LabelledClasses([], [], frozenset({"good"}), unit="region"),
}


def test_the_metrics_of_the_contract_are_there():
    found = {getattr(plugins.load("report.metrics", name), "NAME", name) for name in NAMES}
    promised = "image_auroc image_ap image_f1max_oracle pixel_auroc pixel_ap pixel_f1max_oracle aupro aupro_0.05"
    assert found >= {*promised.split(), "nmi", "ari", "f1", "f1_defects", "region_f1", *AT_LIMIT}


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_result_gives_one_or_none_where_less_is_better(name):
    metric = plugins.load("report.metrics", name)
    value = metric.compute(PERFECT[metric.LEVEL])
    assert isinstance(value, float)
    assert value == pytest.approx(0 if getattr(metric, "LESS_IS_BETTER", False) else 1)


@pytest.mark.parametrize("name", NAMES)
def test_no_data_gives_a_reason(name):
    metric = plugins.load("report.metrics", name)
    with pytest.raises(UndefinedError, match="no "):
        metric.compute(EMPTY[metric.LEVEL])


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    metric = plugins.load("report.metrics", name)
    assert metric.__doc__.splitlines()[0].endswith(".")
    assert metric.DEFINITION
    assert "\n" not in metric.DEFINITION
