"""Figures and charts of each category, with what they mean in plain words."""

import math
from collections.abc import Mapping, Sequence

from adtool.report import table
from adtool.report.curves import Curve
from adtool.report.html import charts
from adtool.report.html.charts import ChartLabels
from adtool.report.html.gather import CategoryView, SourceJudgement
from adtool.report.html.markup import Html, tag
from adtool.report.html.markup import table as html_table
from adtool.report.metrics import aupro
from adtool.report.table import CategoryReport, Figure

CURVES = {
    "image_roc": ChartLabels("Parts: found and false alarms (ROC)", "good parts rejected", "defective parts found"),
    "image_pr": ChartLabels("Parts: precision and recall (PR)", "defective parts found", "rejected that are defective"),
    "pixel_roc": ChartLabels("Pixels: found and false alarms (ROC)", "good pixels marked", "defect pixels marked"),
    "pixel_pr": ChartLabels("Pixels: precision and recall (PR)", "defect pixels marked", "marked that are defects"),
    "pro": ChartLabels("Defect regions: share covered (PRO)", "good pixels marked", "mean share of each defect"),
}


def section(views: Sequence[CategoryView], reports: Sequence[CategoryReport]) -> Html:
    """Tables of all figures: metrics down for one category, categories down for several."""
    parts: list[object] = [tag("h2", "Results")]
    if all(math.isnan(figure.value) for report in reports for figure in report.figures):
        reasons = sorted({figure.reason for report in reports for figure in report.figures if figure.reason})
        why = "; ".join(reasons) or "nothing was measured"
        parts.append(tag("p", f"There are no figures of merit: {why}. Scores, pictures and classes need no labels."))
    elif len(views) == 1:
        parts.append(_metrics_down(reports))
    else:
        parts += [_categories_down(source, group) for source, group in table.by_source(reports).items()]
    return tag("section", *parts, id="results")


def _metrics_down(reports: Sequence[CategoryReport]) -> Html:
    sources = [report.source for report in reports]
    values = {(r.source, figure.metric): figure for r in reports for figure in r.figures}
    meanings = table.meanings()
    rows = []
    for metric in dict.fromkeys(metric for _, metric in values):
        cells = [_cell(values.get((source, metric))) for source in sources]
        meaning = tag("td", meanings.get(metric, ""), class_="says")
        rows.append(tag("tr", tag("th", metric, scope="row"), *cells, meaning))
    return html_table(["metric", *(f"{source}/" for source in sources), tag("span", "in plain words")], rows)


def _categories_down(source: str, reports: Sequence[CategoryReport]) -> Html:
    metrics = list(dict.fromkeys(figure.metric for report in reports for figure in report.figures))
    rows = []
    for report in table.with_means(reports):
        by_name = {figure.metric: figure for figure in report.figures}
        rows.append(
            tag("tr", tag("th", report.category, scope="row"), *(_cell(by_name.get(metric)) for metric in metrics))
        )
    meanings = table.meanings()
    said = [tag("li", tag("b", metric), ": ", meanings[metric]) for metric in metrics if metric in meanings]
    words = tag("details", tag("summary", "In plain words"), tag("ul", *said)) if said else None
    return tag("div", tag("h3", f"{source}/"), html_table(["category", *metrics], rows), words)


def _cell(figure: Figure | None) -> Html:
    if figure is None:
        return tag("td", "")
    if math.isnan(figure.value):
        return tag("td", "-", title=figure.described)
    return tag("td", f"{figure.value:.3f}", title=figure.described)


def plots(view: CategoryView) -> list[Html]:
    """Charts of one category: scores of good and defective parts, then the curves, all sources in one."""
    drawn = [_histogram(view)] if view.samples else []
    lines = {source: report.curves for source, report in view.reports.items() if report.curves is not None}
    for name, labels in CURVES.items():
        curves: Mapping[str, Curve] = {source: found.of[name] for source, found in lines.items() if name in found.of}
        if curves:
            limit = aupro.MAX_FPR if name == "pro" else 1.0
            drawn.append(charts.lines(labels, curves, x_max=limit, chance=name.endswith("roc")))
    missing = dict.fromkeys(
        f"No {level} curves: {reason}." for found in lines.values() for level, reason in found.unless.items()
    )
    notes = [tag("p", text) for text in missing]
    return [tag("div", *drawn, class_="charts"), *notes]


def _histogram(view: CategoryView) -> Html:
    judge = view.judge
    assert judge is not None, "scored images have a judge"
    groups = score_groups(view, judge)
    return charts.histogram("Scores", {name: scores for name, scores in groups.items() if scores}, judge.limit)


def score_groups(view: CategoryView, judge: SourceJudgement) -> dict[str, Sequence[float]]:
    """Image scores by what is known of the parts; some groups may be empty."""
    return {
        "good parts": [judge.scores[one.id] for one in view.good if one.id in judge.scores],
        "defective parts": [judge.scores[one.id] for one in view.defective if one.id in judge.scores],
        "parts without a label": [
            judge.scores[one.id] for one in view.samples if not view.is_known(one) and one.id in judge.scores
        ],
        "good parts to learn from": judge.known.normal_scores,
    }
