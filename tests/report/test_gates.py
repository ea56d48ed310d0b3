import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.config import parse
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import UsageError
from adtool.core.external_maps import write_maps
from adtool.report.config import ReportConfig
from adtool.report.gates import MAX, Gate, GateResult, judge
from adtool.report.table import CategoryReport, Figure


def report(source: str, category: str, reason: str = "", **values: float) -> CategoryReport:
    return CategoryReport(source, category, [Figure(name, value, "", reason) for name, value in values.items()])


MAPS = [report("maps", "bolt", aupro=0.6, f1=0.9), report("maps", "nut", aupro=0.8, f1=0.9)]
REFINED = [report("refined", "bolt", aupro=0.7), report("refined", "nut", aupro=0.9)]
CLASSES = [report("classes", "bolt", nmi=0.5), report("classes", "nut", "only one kind", nmi=math.nan)]
CHAIN = [*MAPS, *REFINED, *CLASSES]


def verdict(text, reports=CHAIN, incomplete=()) -> GateResult:
    return judge([Gate.parse(text)], reports, incomplete)[0]


@pytest.mark.parametrize(
    ("text", "source", "category", "value"),
    [
        ("aupro=0.1", "refined", "mean", 0.8),  # of the last folder that has the metric, not of classes/
        ("nmi=0.1", "classes", "mean", 0.5),  # the mean of the one category that has a value
        ("f1=0.1", "maps", "mean", 0.9),
        ("maps:aupro=0.1", "maps", "mean", 0.7),
        ("bolt:aupro=0.1", "refined", "bolt", 0.7),
        ("mean:aupro=0.1", "refined", "mean", 0.8),
        ("maps:nut:aupro=0.1", "maps", "nut", 0.8),
        ("maps : mean : aupro = 0.1", "maps", "mean", 0.7),
    ],
)
def test_a_gate_names_one_figure(text, source, category, value):
    found = verdict(text)
    assert (found.source, found.category) == (source, category)
    assert found.value == pytest.approx(value)
    assert found.is_passed


@pytest.mark.parametrize(("minimum", "is_passed"), [("0.7", True), ("0.70001", False), ("-1", True)])
def test_a_figure_passes_from_the_bound_on(minimum, is_passed):
    assert verdict(f"refined:bolt:aupro={minimum}").is_passed is is_passed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auproo=0.1", "whose metrics are aupro, f1, nmi"),
        ("classes:aupro=0.1", "whose metrics are nmi"),
        ("refind:aupro=0.1", "whose sources are maps, refined, classes"),
        ("refind:bolt:aupro=0.1", "whose sources are maps, refined, classes"),
        ("maps:screw:aupro=0.1", "whose categories of maps are bolt, nut, mean"),
        ("classes:nut:nmi=0.1", "can't be computed (only one kind)"),
    ],
)
def test_what_is_unknown_or_not_computed_fails_and_says_why(text, said):
    found = verdict(text)
    assert not found.is_passed
    assert said in found.sentence


def test_a_mean_over_what_is_left_does_not_pass_for_the_mean():
    left = [*MAPS, REFINED[0]]
    incomplete = [("refined", "nut")]
    found = verdict("aupro=0.1", left, incomplete)
    assert not found.is_passed
    assert "because nut failed" in found.sentence
    assert not verdict("refined:nut:aupro=0.1", left, incomplete).is_passed
    assert verdict("refined:bolt:aupro=0.1", left, incomplete).is_passed
    assert verdict("maps:aupro=0.1", left, incomplete).is_passed


@pytest.mark.parametrize(
    "text", ["aupro", "aupro=", "aupro=high", "aupro=nan", "=0.5", ":aupro=1", "a:b:c:d=1", "a::b=1"]
)
def test_another_form_is_wrong_usage_before_anything_is_read(text):
    with pytest.raises(UsageError, match="METRIC=VALUE"):
        parse(ReportConfig, {"min": (text,)}, where="adtool report")


@pytest.mark.parametrize(("maximum", "is_passed"), [("0.05", True), ("0.04999", False)])
def test_a_figure_of_which_less_is_better_passes_up_to_the_bound(maximum, is_passed):
    reports = [report("maps", "bolt", false_alarms_at_limit=0.05)]
    found = judge([Gate.parse(f"false_alarms_at_limit={maximum}", MAX)], reports, ())[0]
    assert found.is_passed is is_passed
    assert f"at most {float(maximum):g} was asked for" in found.sentence
    assert found.as_json()["maximum"] == float(maximum)


@pytest.fixture
def maps(workspace, tiny_data):
    """Maps of a tiny data set that are its masks, so that every figure is 1."""
    category = read_dataset(tiny_data.make(workspace / "data/parts")).category("parts")
    scores = [arrays.read_mask(s.mask) if s.mask else np.zeros(tiny_data.size) for s in category.test]
    write_maps("maps", "parts", [s.id for s in category.test], scores, data="data/parts")


def test_the_command_line_prints_the_table_and_exits_1_with_the_list(adtool, maps):
    shown = adtool("report", "--min", "aupro=0.9", "--min", "parts:pixel_ap=1.1", "--min", "nmi=1")
    assert shown.code == 1
    assert "image_auroc" in shown.out
    assert "Gate passed: maps:mean:aupro is 1, at least 0.9 was asked for." in shown.out
    assert "error: 2 of 3 gates failed." in shown.err
    assert "Gate failed: maps:parts:pixel_ap is 1; at least 1.1 was asked for." in shown.err
    assert "mean:nmi is not in the report" in shown.err


def test_a_gate_on_a_metric_that_there_is_not_is_exit_2_before_anything_is_read(adtool, workspace):
    shown = adtool("report", "--min", "parts:image_aurok=0.9")
    assert (shown.code, shown.out) == (2, "")
    assert "there is no metric 'image_aurok'" in shown.err
    assert "Did you mean 'image_auroc'?" in shown.err
    assert not Path("report").exists()


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("map:aupro=0.9", "there is no source or category 'map' (there are: maps, parts, mean). Did you mean 'maps'?"),
        ("maps:part:aupro=0.9", "there is no category of maps 'part' (there are: parts, mean). Did you mean 'parts'?"),
        ("refind:parts:aupro=0.9", "there is no source 'refind' (there are: maps)."),
    ],
)
def test_a_gate_on_a_place_that_there_is_not_is_exit_2_before_anything_is_computed(adtool, maps, gate, said):
    shown = adtool("report", "--min", gate)
    assert (shown.code, shown.out) == (2, "")
    assert said in shown.err
    assert not Path("report").exists()


@pytest.mark.parametrize(
    ("option", "gate", "instead"),
    [("--min", "false_alarms_at_limit=0.05", "--max"), ("--max", "parts:found_at_limit=0.9", "--min")],
)
def test_a_bound_on_the_good_side_of_a_figure_is_exit_2_and_names_the_other_option(adtool, maps, option, gate, instead):
    shown = adtool("report", option, gate)
    assert shown.code == 2
    assert f"is better, so {option} would let the worst pass. Write {instead} {gate}." in shown.err
    assert not Path("report").exists()


def test_a_gate_on_a_limit_that_there_is_not_fails_and_says_so(adtool, maps):
    shown = adtool("report", "--max", "parts:false_alarms_at_limit=0.05")
    assert shown.code == 1
    assert "can't be computed (no limit between OK and NOK); at most 0.05 was asked for" in shown.err


def test_passed_gates_exit_0_and_json_holds_the_verdicts(adtool, maps):
    shown = adtool("report", "--min", "aupro=1", "--json")
    assert shown.code == 0, shown.err
    (gate,) = json.loads(shown.out)["gates"]
    assert (gate["metric"], gate["value"], gate["passed"]) == ("aupro", pytest.approx(1), True)


def test_failed_gates_still_write_the_report_and_the_json(adtool, maps, workspace):
    shown = adtool("report", "--min", "aupro=1.5", "--json")
    assert shown.code == 1
    assert json.loads(shown.out)["gates"][0]["passed"] is False
    assert files.read_json(workspace / "report/metrics.json")["gates"][0]["minimum"] == 1.5
    assert files.read_json(workspace / "report/_step.json")["state"] == "done"


def test_wrong_usage_is_said_before_data_are_looked_for(adtool, workspace):
    shown = adtool("report", "--min", "aupro")
    assert shown.code == 2
    assert "'aupro' is no [SOURCE:][CATEGORY:]METRIC=VALUE" in shown.err


def test_a_folder_without_results_is_named_and_not_the_data(adtool, workspace):
    (workspace / "empty").mkdir()
    shown = adtool("report", "empty")
    assert shown.code == 3
    assert "No results in empty" in shown.err


def test_a_failure_shared_by_two_sources_is_said_once(adtool, maps, workspace):
    shutil.copytree("maps", "others")
    mask, other = sorted((workspace / "data/parts/ground_truth").rglob("*.png"))[:2]
    for one in (mask, other):
        arrays.write_mask(one, arrays.read_mask(one)[:5])
    shown = adtool("report", "maps", "others")
    assert shown.code == 3
    assert shown.err.count("must have one size") == 2  # when it happens, and at the end
    assert f"The same holds for 1 more: {other.relative_to(workspace)}" in shown.err
    assert "maps/parts, others/parts:" in shown.err
