"""Figures, their means, and the tables and the document they are written as."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from adtool.core import plugins
from adtool.core.limits.part_counts import DecidedParts
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import ImageScores, UndefinedError
from adtool.report.classes import LabelledClasses
from adtool.report.curves import Curves

MEAN = "mean"
LEVELS = ("image", "pixel", "classes", "regions")
WIDEST = 5  # more categories than this are shown as rows instead of columns


@dataclass(frozen=True)
class Figure:
    """One metric of one category; `value` is NaN where it can't be computed, and `reason` says why."""

    metric: str
    value: float
    definition: str
    reason: str = ""

    @property
    def described(self) -> str:
        """Definition, and the reason for a missing value."""
        return f"{self.definition}; not computed: {self.reason}" if self.reason else self.definition

    def as_json(self) -> dict[str, object]:
        """The figure as a JSON object; a missing value is null."""
        value = None if math.isnan(self.value) else self.value
        return {"value": value, "definition": self.definition, **({"reason": self.reason} if self.reason else {})}


@dataclass(frozen=True)
class CategoryReport:
    """All figures of one category of one source.

    Attributes:
        source: name of the folder.
        category: name of the category.
        figures: its metrics.
        facts: what the figures depend on: counts, sizes, rules.
        curves: for the page, if it is asked for.
        decided: the limit in force and what it decided; None where there is no limit, or the folder has none.
        taught_by: ids of images that are in no figure, see `sources.taught_by`.
    """

    source: str
    category: str
    figures: Sequence[Figure]
    facts: Mapping[str, Any] = field(default_factory=dict)
    curves: Curves | None = None
    decided: DecidedParts | None = None
    taught_by: frozenset[str] = frozenset()


def metrics(level: str) -> list[tuple[str, ModuleType]]:
    """Names and modules of the metrics of a level, sorted by name."""
    loaded = [(name, plugins.load("report.metrics", name)) for name in plugins.names("report.metrics")]
    return [(getattr(module, "NAME", name), module) for name, module in loaded if level == module.LEVEL]


def less_is_better(metric: str) -> bool:
    """Whether a metric says of itself that its smaller values are the better ones."""
    return any(
        name == metric and getattr(module, "LESS_IS_BETTER", False)
        for level in LEVELS
        for name, module in metrics(level)
    )


def meanings() -> dict[str, str]:
    """What each metric says of itself in plain words; one of another package may leave that to its first line."""
    found = {}
    for name in plugins.names("report.metrics"):
        module = plugins.load("report.metrics", name)
        said = getattr(module, "MEANING", "") or plugins.about("report.metrics", name)
        found[getattr(module, "NAME", name)] = said
    return found


def measure(
    level: str, data: ImageScores | Pixels | LabelledClasses | None, *, unless: str = "", stamp: str = ""
) -> list[Figure]:
    """Compute every metric of a level.

    Args:
        level: one of `LEVELS`.
        data: what the metrics of the level are computed from.
        unless: a reason for which none of them can be computed; `data` is not looked at then.
        stamp: added to every definition, for instance that labels chose a setting.
    """
    found = []
    for name, metric in metrics(level):
        definition = f"{metric.DEFINITION}; {stamp}" if stamp else metric.DEFINITION
        value, reason = math.nan, unless
        if not unless:
            try:
                value = metric.compute(data)
            except UndefinedError as error:
                reason = str(error)
        found.append(Figure(name, value, definition, reason))
    return found


def means(reports: Sequence[CategoryReport]) -> list[Figure]:
    """Unweighted means of one source's categories, each over the categories where the metric has a value."""
    first = {figure.metric: figure for report in reports for figure in reversed(report.figures)}
    found = []
    for metric in dict.fromkeys(figure.metric for report in reports for figure in report.figures):
        values = [f.value for report in reports for f in report.figures if f.metric == metric]
        known = [value for value in values if not math.isnan(value)]
        definition = f"{first[metric].definition}; unweighted mean of {len(known)} of {len(reports)} categories"
        value = sum(known) / len(known) if known else math.nan
        found.append(Figure(metric, value, definition, "" if known else "in no category"))
    return found


def by_source(reports: Sequence[CategoryReport]) -> dict[str, list[CategoryReport]]:
    """Reports grouped by their source, in the order given."""
    grouped: dict[str, list[CategoryReport]] = {}
    for report in reports:
        grouped.setdefault(report.source, []).append(report)
    return grouped


def with_means(reports: Sequence[CategoryReport]) -> list[CategoryReport]:
    """The reports, after those of each source their mean."""
    found = []
    for source, group in by_source(reports).items():
        found += [*group, CategoryReport(source, MEAN, means(group))]
    return found


def csv_rows(reports: Sequence[CategoryReport]) -> list[dict[str, object]]:
    """Rows of metrics.csv: one per source, category and metric; what can't be computed has no value."""
    return [
        {
            "source": report.source,
            "category": report.category,
            "metric": figure.metric,
            "value": None if math.isnan(figure.value) else figure.value,
            "definition": figure.described,
        }
        for report in with_means(reports)
        for figure in report.figures
    ]


def shown_rows(reports: Sequence[CategoryReport]) -> list[dict[str, object]]:
    """Rows for a person: metrics down and categories across if there are few, else the other way round.

    Metrics that no category of a source has a value for, and sources without any, are left out.
    """
    categories = list(dict.fromkeys(report.category for report in reports))
    everything = [_with_values(one, reports) for one in (with_means(reports) if len(categories) > 1 else reports)]
    everything = [report for report in everything if report.figures]
    if len(categories) > WIDEST:
        return [
            {"source": r.source, "category": r.category, **{f.metric: _shown(f) for f in r.figures}} for r in everything
        ]
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for report in everything:
        for figure in report.figures:
            row = rows.setdefault((report.source, figure.metric), {"source": report.source, "metric": figure.metric})
            row[report.category] = _shown(figure)
    return list(rows.values())


def _with_values(report: CategoryReport, reports: Sequence[CategoryReport]) -> CategoryReport:
    group = [figure for one in reports if one.source == report.source for figure in one.figures]
    there = {figure.metric for figure in group if not math.isnan(figure.value)}
    return replace(report, figures=[figure for figure in report.figures if figure.metric in there])


def _shown(figure: Figure) -> object:
    return "-" if math.isnan(figure.value) else figure.value


def names() -> list[str]:
    """Names of all metrics, sorted."""
    return sorted(name for level in LEVELS for name, _ in metrics(level))


def gaps(reports: Sequence[CategoryReport]) -> list[str]:
    """One line for each category and reason that left metrics without a value."""
    lines = []
    for report in reports:
        for reason in dict.fromkeys(figure.reason for figure in report.figures if figure.reason):
            names = ", ".join(figure.metric for figure in report.figures if figure.reason == reason)
            lines.append(f"{report.source}/{report.category}: not computed, {reason}: {names}.")
    return lines


def document(reports: Sequence[CategoryReport]) -> list[dict[str, object]]:
    """The figures as JSON: a list of sources, each with its categories, facts and mean."""
    return [
        {
            "source": source,
            "categories": [
                {
                    "category": report.category,
                    **report.facts,
                    "metrics": {f.metric: f.as_json() for f in report.figures},
                }
                for report in group
            ],
            MEAN: {figure.metric: figure.as_json() for figure in means(group)},
        }
        for source, group in by_source(reports).items()
    ]
