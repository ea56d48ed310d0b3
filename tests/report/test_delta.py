from pathlib import Path

import pytest

from adtool.core.errors import AdtoolError, MissingInputError, UsageError
from adtool.report import delta, printed, step
from adtool.report.config import ReportConfig
from adtool.report.sources import ReportSource
from adtool.report.table import CategoryReport, Figure

NAN = float("nan")


def report(source, category, images=7, **values):
    figures = [Figure(name, value, "as defined") for name, value in values.items()]
    return CategoryReport(source, category, figures, {"images": images})


REPORTS = [
    report("maps", "bolt", image_auroc=0.5, aupro=0.25),
    report("maps", "nut", image_auroc=1.0, aupro=0.5),
    report("maps", "pin", image_auroc=0.25, aupro=0.25),
    report("refined", "bolt", image_auroc=0.75, aupro=0.5),
    report("refined", "nut", image_auroc=0.875, aupro=NAN),
    report("classes", "bolt", f1=0.5),
]
PAIR = ("maps", "refined")


def shown(form):
    return printed.text(printed.rows(REPORTS, "source", PAIR), form, printed.BY_METRIC)


def test_each_metric_is_a_table_of_both_and_what_lies_between_and_the_mean_is_of_what_both_have():
    assert shown("markdown").split("\n\n") == [
        "**image_auroc**",
        "| category | maps | refined | difference |\n| --- | ---: | ---: | ---: |\n| bolt | 0.500 | 0.750 | 0.250 |\n"
        "| nut | 1.000 | 0.875 | -0.125 |\n| pin | 0.250 | - | - |\n| mean | 0.750 | 0.812 | 0.062 |",
        "**aupro**",
        "| category | maps | refined | difference |\n| --- | ---: | ---: | ---: |\n| bolt | 0.250 | 0.500 | 0.250 |\n"
        "| nut | 0.500 | - | - |\n| pin | 0.250 | - | - |\n| mean | 0.250 | 0.500 | 0.250 |\n",
    ]


def test_csv_has_all_digits_and_latex_a_table_a_metric():
    assert "image_auroc,nut,1,0.875,-0.125\n" in shown("csv")
    assert "metric,category,maps,refined,difference\n" in shown("csv")
    assert "mean & 0.750 & 0.812 & 0.062 \\\\\n" in shown("latex")
    assert shown("latex").count("\\end{tabular}") == 2


def test_what_the_means_leave_out_and_unequal_images_are_said():
    assert delta.remarks(PAIR, REPORTS) == ["difference: refined less maps.", "refined lacks pin: no part of the mean."]
    unequal = [report("maps", "bolt", 7), report("refined", "bolt", 5)]
    assert delta.remarks(PAIR, unequal)[1] == "maps and refined are of different images in bolt."


@pytest.mark.parametrize(
    ("pair", "kind", "said"),
    [
        (("maps", "refind"), UsageError, "no source 'refind'.*maps, refined.*Did you mean 'refined'"),
        (("maps", "maps"), UsageError, "does not differ"),
        (("maps", "classes"), UsageError, "no metric in common"),
        (("maps", "refined"), MissingInputError, "no category is finished in both .maps has bolt; refined has none"),
    ],
)
def test_sources_that_can_not_be_compared_are_refused(tmp_path, pair, kind, said):
    (tmp_path / "classes/bolt").mkdir(parents=True)
    (tmp_path / "classes/bolt/classes.csv").write_text("class\n")
    there = {"maps": ("bolt",), "refined": (), "classes": ("bolt",)}
    chain = [ReportSource(name, tmp_path / name, categories) for name, categories in there.items()]
    with pytest.raises(kind, match=said):
        delta.require(pair, chain)


def test_the_report_holds_the_differences_and_refuses_before_it_measures(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished.make()
    Path("maps").rename("before")
    finished.make()
    names = (Path("before"), Path("maps"))
    found = step.run(ReportConfig(folders=names, delta=("before/", "maps"), format="csv"))
    rows = found.as_json()["delta"]["rows"]
    assert {row["difference"] for row in rows} == {0.0}
    assert {row["category"] for row in rows} == {"part", "mean"}
    assert found.text.startswith("metric,category,before,maps,difference\n")
    with pytest.raises(AdtoolError, match="no source 'refined'"):
        step.run(ReportConfig(folders=names, delta=("maps", "refined"), out=Path("other")))
    assert not Path("other/metrics.csv").exists()
