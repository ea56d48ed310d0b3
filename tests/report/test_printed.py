from pathlib import Path

import pytest

from adtool.cli import show
from adtool.core.outcome import Outcome
from adtool.report import printed
from adtool.report.table import CategoryReport, Figure


def report(source, category, **values):
    figures = [Figure(name, value, "as defined") for name, value in values.items()]
    return CategoryReport(source, category, figures)


NAN = float("nan")
REPORTS = [
    report("maps", "bolt", image_auroc=0.5, aupro=0.25),
    report("maps", "nut_m3", image_auroc=1.0, aupro=NAN),
    report("refined", "bolt", image_auroc=0.75, aupro=0.5),
]


def shown(form, layout="metric"):
    return printed.text(printed.rows(REPORTS, layout), form, layout)


def test_a_metric_is_a_table_with_a_column_a_source_and_the_mean_last():
    assert shown("markdown").split("\n\n") == [
        "**image_auroc**",
        "| category | maps | refined |\n| --- | ---: | ---: |\n| bolt | 0.500 | 0.750 |\n| nut_m3 | 1.000 | - |\n"
        "| mean | 0.750 | 0.750 |",
        "**aupro**",
        "| category | maps | refined |\n| --- | ---: | ---: |\n| bolt | 0.250 | 0.500 |\n| mean | 0.250 | 0.500 |\n",
    ]


def test_latex_escapes_what_it_would_read_as_commands():
    text = shown("latex")
    assert text.startswith(
        "% image_auroc\n\\begin{tabular}{lrr}\n\\toprule\ncategory & maps & refined \\\\\n\\midrule\n"
    )
    assert "nut\\_m3 & 1.000 & - \\\\\n" in text
    assert text.count("\\end{tabular}") == 2


def test_csv_is_one_table_with_all_digits_and_nothing_for_what_is_missing():
    assert shown("csv") == (
        "metric,category,maps,refined\nimage_auroc,bolt,0.5,0.75\nimage_auroc,nut_m3,1,\nimage_auroc,mean,0.75,0.75\n"
        "aupro,bolt,0.25,0.5\naupro,mean,0.25,0.5\n"
    )


@pytest.mark.parametrize(("form", "start"), [("markdown", "| source | metric |"), ("csv", "source,metric,")])
def test_by_source_it_is_the_table_that_a_terminal_shows(form, start):
    assert shown(form, "source").startswith(start)
    assert shown("table", "source") == ""


def test_stdout_holds_the_table_alone(capsys):
    show.result(Outcome("report", Path(), notes=["said"], rows=[{"a": 1}], text="| a |\n"), as_json=False)
    assert capsys.readouterr().out == "| a |\n"
