"""One source beside another, and what lies between them: as papers show what refining gains (`--delta`)."""

import difflib
import math
from collections.abc import Sequence

from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.words import first_few
from adtool.report.sources import ReportSource
from adtool.report.table import MEAN, CategoryReport, by_source

DIFFERENCE = "difference"
NONE = "-"  # what a table shows that has no value
NAMED = 5  # categories in a sentence

Pair = tuple[str, str]


def require(pair: Pair, chain: Sequence[ReportSource]) -> None:
    """Refuse two sources that can't be compared, before anything is measured.

    Args:
        pair: names of the sources, the baseline first.
        chain: what the report is about.

    Raises:
        UsageError: they are one, or there is no such source, or one has maps and the other classes.
        MissingInputError: no category is finished in both.
    """
    option = f"--delta {' '.join(pair)}"
    known = {source.name: source for source in chain}
    for name in pair:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise UsageError(
                f"{option}: there is no source '{name}' in this report (there are: {', '.join(known)}).{hint} Name the "
                "folders to report on, or make it first."
            )
    if pair[0] == pair[1]:
        raise UsageError(f"{option}: a source does not differ from itself. Name two.")
    one, other = (known[name] for name in pair)
    if not set(one.categories) & set(other.categories):
        there = [f"{source.name} has {first_few(source.categories, NAMED) or 'none'}" for source in (one, other)]
        raise MissingInputError(f"{option}: no category is finished in both ({'; '.join(there)}).")
    if _has_classes(one) != _has_classes(other):
        raise UsageError(f"{option}: one has maps, the other classes, which have no metric in common.")


def _has_classes(source: ReportSource) -> bool:
    return any(ClassesFolder(source.path / name).classes.exists() for name in source.categories)


def rows(pair: Pair, reports: Sequence[CategoryReport], by: str) -> list[dict[str, object]]:
    """One row a metric and category, and the mean of the categories that both sources have a value for.

    Metrics that neither source has a value for are left out.

    Args:
        pair: names of the sources; the difference is the second less the first.
        reports: of every category of every source.
        by: name of the column of metrics.
    """
    values = {
        (figure.metric, report.category, report.source): figure.value
        for report in reports
        for figure in report.figures
        if report.source in pair and not math.isnan(figure.value)
    }
    categories = list(dict.fromkeys(report.category for report in reports if report.source in pair))
    found: list[dict[str, object]] = []
    for metric in dict.fromkeys(metric for metric, _, _ in values):
        both = []
        for category in categories:
            one, other = (values.get((metric, category, name)) for name in pair)
            if one is not None and other is not None:
                both.append((one, other))
            if one is not None or other is not None:
                found.append({by: metric, "category": category, **_row(pair, one, other)})
        means = [sum(side) / len(both) for side in zip(*both, strict=True)] or [None, None]
        found.append({by: metric, "category": MEAN, **_row(pair, *means)})
    return found


def _row(pair: Pair, one: float | None, other: float | None) -> dict[str, object]:
    gained = None if one is None or other is None else other - one
    names = (*(f"{name}/" if name == DIFFERENCE else name for name in pair), DIFFERENCE)
    return {name: NONE if value is None else value for name, value in zip(names, (one, other, gained), strict=True)}


def remarks(pair: Pair, reports: Sequence[CategoryReport]) -> list[str]:
    """What the differences are, and which are of categories or images that one source lacks."""
    images = {
        name: {one.category: one.facts.get("images") for one in by_source(reports).get(name, ())} for name in pair
    }
    said = [f"{DIFFERENCE}: {pair[1]} less {pair[0]}."]
    for name, other in (pair, pair[::-1]):
        if lacking := [category for category in images[other] if category not in images[name]]:
            said.append(f"{name} lacks {first_few(lacking, NAMED)}: no part of the mean.")
    both = [category for category in images[pair[0]] if category in images[pair[1]]]
    if unequal := [category for category in both if images[pair[0]][category] != images[pair[1]][category]]:
        said.append(f"{pair[0]} and {pair[1]} are of different images in {first_few(unequal, NAMED)}.")
    return said
