"""Gates: figures that a report must reach, or stay below, for batch jobs that stop when one does not."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from adtool.core.errors import UsageError
from adtool.report.config import ReportConfig
from adtool.report.table import MEAN, CategoryReport, by_source, less_is_better, means, names

FORM = "[SOURCE:][CATEGORY:]METRIC=VALUE"
ROUNDING = 1e-9  # a perfect map's AUPRO is a sum that comes out as 0.9999999999999994
NAMES = 3  # at most, left of the equals sign
MIN, MAX = "--min", "--max"
Sources = Mapping[str, Sequence[CategoryReport]]


@dataclass(frozen=True)
class Gate:
    """One bound, as it was asked for.

    Attributes:
        text: as it was typed.
        where: the names before the metric, none to two.
        metric: name of the figure.
        bound: that it must reach, or must not exceed.
        option: `MIN` or `MAX`.
    """

    text: str
    where: tuple[str, ...]
    metric: str
    bound: float
    option: str = MIN

    @classmethod
    def parse(cls, text: str, option: str = MIN) -> "Gate":
        """Read a gate of the form `FORM`.

        Raises:
            ValueError: it has another form.
        """
        left, equals, right = text.rpartition("=")
        names = [name.strip() for name in left.split(":")]
        try:
            bound = float(right)
        except ValueError:
            bound = math.nan
        if not equals or not all(names) or len(names) > NAMES or not math.isfinite(bound):
            raise ValueError(f"'{text}' is no {FORM}, as aupro=0.8 or refined:bottle:pixel_ap=0.5 is")
        return cls(text.strip(), tuple(names[:-1]), names[-1], bound, option)

    @property
    def asks(self) -> str:
        """The bound in words."""
        return f"at {'least' if self.option == MIN else 'most'} {self.bound:g} was asked for"

    def holds(self, value: float) -> bool:
        """Whether a figure is within the bound."""
        return value >= self.bound - ROUNDING if self.option == MIN else value <= self.bound + ROUNDING


def asked(config: ReportConfig) -> list[Gate]:
    """The gates of `--min` and `--max`.

    Raises:
        ValueError: one has another form.
    """
    return [Gate.parse(text) for text in config.min] + [Gate.parse(text, MAX) for text in config.max]


def require_metrics(gates: Iterable[Gate]) -> None:
    """Refuse a gate that can never be passed, or would pass the worst figures.

    Raises:
        UsageError: there is no such metric, or it is bounded on its good side.
    """
    known = names()
    for gate in gates:
        _require(gate, gate.metric, known, "metric")
        fitting, better = (MAX, "less") if less_is_better(gate.metric) else (MIN, "more")
        if gate.option != fitting:
            raise UsageError(
                f"{gate.option} {gate.text}: of {gate.metric} {better} is better, so {gate.option} would let the worst "
                f"pass. Write {fitting} {gate.text}."
            )


def require_places(gates: Iterable[Gate], places: Mapping[str, Collection[str]]) -> None:
    """Refuse a gate on a source or a category that the report will not have.

    Args:
        gates: what is asked for.
        places: the categories of each source, those that are not finished among them.

    Raises:
        UsageError: there is no such source or category.
    """
    everywhere = dict.fromkeys(name for group in places.values() for name in group)
    for gate in gates:
        if len(gate.where) == 1:
            _require(gate, gate.where[0], [*places, *everywhere, MEAN], "source or category")
        elif gate.where:
            source, category = gate.where
            _require(gate, source, [*places], "source")
            _require(gate, category, [*places[source], MEAN], f"category of {source}")


def _require(gate: Gate, name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UsageError(
            f"{gate.option} {gate.text}: there is no {what} '{name}' (there are: {', '.join(known)}).{hint}"
        )


@dataclass(frozen=True)
class GateResult:
    """A gate, what it was held against, and why it was not passed (empty if it was)."""

    gate: Gate
    source: str
    category: str
    value: float
    reason: str

    @property
    def is_passed(self) -> bool:
        """Whether the figure is there and within the bound."""
        return not self.reason

    @property
    def sentence(self) -> str:
        """One line for a person."""
        where = ":".join(name for name in (self.source, self.category, self.gate.metric) if name)
        if self.is_passed:
            return f"Gate passed: {where} is {self.value:.6g}, {self.gate.asks}."
        return f"Gate failed: {where} {self.reason}; {self.gate.asks}."

    def as_json(self) -> dict[str, object]:
        """The verdict as a JSON object; a missing value is null."""
        return {
            "gate": self.gate.text,
            "source": self.source,
            "category": self.category,
            "metric": self.gate.metric,
            "minimum" if self.gate.option == MIN else "maximum": self.gate.bound,
            "value": None if math.isnan(self.value) else self.value,
            "passed": self.is_passed,
            "reason": self.reason,
        }


def judge(
    gates: Sequence[Gate], reports: Sequence[CategoryReport], incomplete: Collection[tuple[str, str]]
) -> list[GateResult]:
    """Hold the figures against the gates.

    Args:
        gates: what is asked for.
        reports: what was measured, sources in the order of the chain.
        incomplete: (source, category) of what should have been measured, but failed or is not finished: the mean
            over the others is not the mean that was asked for.
    """
    return [_judge(gate, by_source(reports), incomplete) for gate in gates]


def _judge(gate: Gate, sources: Sources, incomplete: Collection[tuple[str, str]]) -> GateResult:
    source, category = _places(gate, sources, incomplete)

    def failed(reason: str) -> GateResult:
        return GateResult(gate, source, category, math.nan, reason)

    lacking = sorted(name for place, name in incomplete if place == source and category in (MEAN, name))
    if lacking:
        return failed(f"is not known, because {', '.join(lacking)} failed or is not finished")
    if source not in sources:
        return failed(
            f"is not in the report, whose sources are {', '.join(sources)}" if source else _no_metric(sources)
        )
    group = sources[source]
    named = {report.category: report.figures for report in group} | {MEAN: means(group)}
    if category not in named:
        return failed(f"is not in the report, whose categories of {source} are {', '.join(named)}")
    figure = next((one for one in named[category] if one.metric == gate.metric), None)
    if figure is None:
        return failed(_no_metric({source: group}))
    if math.isnan(figure.value):
        return failed(f"can't be computed ({figure.reason})")
    reason = "" if gate.holds(figure.value) else f"is {figure.value:.6g}"
    return GateResult(gate, source, category, figure.value, reason)


def _places(gate: Gate, sources: Sources, incomplete: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The source and the category of a gate; one name alone can be either, a source first."""
    having = [name for name, group in sources.items() if gate.metric in _metrics(group)]
    last = having[-1] if having else ""
    if not gate.where:
        return last, MEAN
    if len(gate.where) > 1:
        return gate.where[0], gate.where[1]
    name = gate.where[0]
    is_source = name in sources or any(name == source for source, _ in incomplete)
    categories = {one.category for group in sources.values() for one in group} | {name for _, name in incomplete}
    return (last, name) if not is_source and name in {*categories, MEAN} else (name, MEAN)


def _metrics(group: Sequence[CategoryReport]) -> list[str]:
    return list(dict.fromkeys(figure.metric for report in group for figure in report.figures))


def _no_metric(sources: Sources) -> str:
    there = dict.fromkeys(metric for group in sources.values() for metric in _metrics(group))
    return f"is not in the report, whose metrics are {', '.join(there)}"
