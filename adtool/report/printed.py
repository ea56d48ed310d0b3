"""The table of a report in the form that a text takes: Markdown, LaTeX or CSV; by source or by metric."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from adtool.report import delta, table
from adtool.report.table import CategoryReport
from adtool_runtime import cells

BY_METRIC = "metric"
NONE = delta.NONE
LATEX_SPECIAL = re.compile(r"([&%$#_{}])")

Row = Mapping[str, object]


def rows(
    reports: Sequence[CategoryReport], layout: str, difference: delta.Pair | None = None
) -> list[dict[str, object]]:
    """The rows of the printed table.

    Args:
        reports: of every category of every source.
        layout: `metric` for a table a metric, categories down (their mean last) and sources across, as papers compare
            methods; else metrics by source, see `table.shown_rows`.
        difference: two sources that are compared by metric whatever the layout, see `delta.rows`.
    """
    if difference is not None:
        return delta.rows(difference, reports, BY_METRIC)
    if layout != BY_METRIC:
        return table.shown_rows(reports)
    values = {
        (figure.metric, report.category, report.source): figure.value
        for report in table.with_means(reports)
        for figure in report.figures
        if not math.isnan(figure.value)
    }
    categories = [*dict.fromkeys(report.category for report in reports), table.MEAN]
    found: list[dict[str, object]] = []
    for metric in dict.fromkeys(metric for metric, _, _ in values):
        sources = [one for one in table.by_source(reports) if (metric, table.MEAN, one) in values]
        for category in categories:
            row = {source: values.get((metric, category, source), NONE) for source in sources}
            if set(row.values()) != {NONE}:
                found.append({BY_METRIC: metric, "category": category, **row})
    return found


def text(lines: Sequence[Row], form: str, layout: str) -> str:
    """The rows as text, empty for the form `table`, which is drawn as wide as the terminal is.

    Args:
        lines: as `rows` gives them.
        form: `markdown`, `latex`, `csv` or `table`.
        layout: as for `rows`, `metric` for a difference; in Markdown and LaTeX each metric gets a table of its own.
    """
    if not lines or form not in WRITTEN:
        return ""
    if form == "csv" or layout != BY_METRIC:
        return WRITTEN[form]("", lines)
    parts = groupby(lines, key=lambda row: str(row[BY_METRIC]))
    bare = ((metric, [{key: row[key] for key in row if key != BY_METRIC} for row in part]) for metric, part in parts)
    return "\n".join(WRITTEN[form](metric, part) for metric, part in bare)


def _columns(lines: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in lines for key in row))


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def _markdown(title: str, lines: Sequence[Row]) -> str:
    columns = _columns(lines)

    def line(values: Sequence[str]) -> str:
        return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |\n"

    rule = line(["---:" if any(isinstance(row.get(one), float) for row in lines) else "---" for one in columns])
    body = "".join(line([_shown(row.get(one, "")) for one in columns]) for row in lines)
    return (f"**{title}**\n\n" if title else "") + line(columns) + rule + body


def _latex(title: str, lines: Sequence[Row]) -> str:
    """A tabular with the rules of the package booktabs."""
    columns = _columns(lines)

    def line(values: Sequence[str]) -> str:
        return " & ".join(_escaped(value) for value in values) + r" \\" + "\n"

    sides = "".join("r" if any(isinstance(row.get(one), float) for row in lines) else "l" for one in columns)
    body = "".join(line([_shown(row.get(one, "")) for one in columns]) for row in lines)
    head = (f"% {title}\n" if title else "") + f"\\begin{{tabular}}{{{sides}}}\n\\toprule\n{line(columns)}"
    return f"{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"


def _escaped(value: str) -> str:
    plain = value.replace("\\", r"\textbackslash ").replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ")
    return LATEX_SPECIAL.sub(r"\\\1", plain)


def _csv(_: str, lines: Sequence[Row]) -> str:
    columns = _columns(lines)
    values = [[row.get(one) for one in columns] for row in lines]
    return cells.line(columns) + "".join(cells.line(None if v == NONE else v for v in row) for row in values)


WRITTEN = {"markdown": _markdown, "latex": _latex, "csv": _csv}
