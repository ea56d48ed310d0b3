"""What other limits would decide: a slider, a table of working points, and the command for each.

Every limit that is offered was tried as it is typed, so that the command gives just what is shown.
"""

import shlex
from collections.abc import Sequence

from adtool.core.dataset.types import Sample
from adtool.core.limits import choose, sentences
from adtool.core.limits.asked import Asked
from adtool.core.limits.choose import WorkingPoint
from adtool.core.limits.part_counts import DecidedParts, PartCounts
from adtool.core.limits.stops import stops
from adtool.report.html.cards import CardContext
from adtool.report.html.gather import CategoryView, SourceJudgement
from adtool.report.html.markup import Html, script_json, table, tag

MOST_STOPS = 400  # of all sliders of the page
FEWEST_STOPS = 40
NOW = " (in force)"


def counts(view: CategoryView, limit: float | None) -> PartCounts:
    """What a limit would decide; labelled parts that a person answered for or added are not counted."""
    judge = view.judge

    def above(samples: Sequence[Sample]) -> int:
        if judge is None or limit is None:
            return 0
        return sum(judge.scores[sample.id] > limit for sample in samples)

    good, defective = ([one for one in group if one.id not in view.taught_by] for group in (view.good, view.defective))
    return PartCounts(len(view.samples), above(view.samples), len(good), above(good), len(defective), above(defective))


def choices(desk: CardContext, view: CategoryView, judge: SourceJudgement, *, is_open: bool) -> list[Html]:
    """The slider, and the table for who has no script; nothing for maps that `adtool decide` can't decide on."""
    if not judge.is_ours:
        return []
    points = choose.working_points(judge.known, judge.chosen, [judge.scores[sample.id] for sample in view.samples])
    made = [_slider(desk, view, judge)]
    return made + ([_table(desk, view, judge, points, is_open=is_open)] if len(points) > 1 else [])


def _command(desk: CardContext, view: CategoryView, judge: SourceJudgement) -> tuple[str, str]:
    """The command, before and behind what chooses the limit."""
    folder = shlex.quote(desk.given.folders[judge.source].as_posix())
    return f"adtool decide {folder} ", f" --category {shlex.quote(view.name)}"


def _slider(desk: CardContext, view: CategoryView, judge: SourceJudgement) -> Html:
    most = max(FEWEST_STOPS, MOST_STOPS // len(desk.given.data.categories))
    limits = stops([judge.scores[sample.id] for sample in view.samples], judge.limit, most)
    now = len(limits) - 1 if judge.limit is None else limits.index(judge.limit)
    before, behind = _command(desk, view, judge)
    tail, says = choose.tail_of(judge.known), []
    for value in limits:
        expected = choose.expect(judge.known, value, tail)
        limit = judge.chosen.model_copy(update={"value": value, "expected": expected})
        said = (sentences.measured([DecidedParts(limit, counts(view, value))]), sentences.found(limit))
        says.append(" ".join(filter(None, said)))
    number = list(desk.given.data.categories).index(view.name)
    document = {
        "now": now,
        "in_force": judge.limit is not None,
        "at": [repr(value) for value in limits],
        "says": says,
        "command": [f"{before}--at ", behind],
    }
    name = f"limit-{number}"
    scale = tag("input", type="range", id=name, min=0, max=len(limits) - 1, step=1, value=now)
    return tag(
        "div",
        tag("p", tag("label", "Try another limit:", for_=name), " ", tag("output", "", class_="at", for_=name)),
        tag("p", tag("span", "rejects more"), scale, tag("span", "rejects less"), class_="scale"),
        tag("p", "", class_="said", aria_live="polite"),
        tag(
            "p",
            "To decide by it: ",
            tag("code", "", class_="command"),
            " ",
            tag("button", "Copy", type="button", class_="copy"),
            " ",
            tag("button", "Back", type="button", class_="back"),
            " ",
            tag("span", "", class_="copied", role="status"),
        ),
        tag("script", script_json(document), type="application/json"),
        class_="slider",
        hidden=True,  # until there is a script that moves it
    )


def _table(
    desk: CardContext, view: CategoryView, judge: SourceJudgement, points: Sequence[WorkingPoint], *, is_open: bool
) -> Html:
    """Working points, the highest limit first, each by the option that asks for it."""
    head = ["type", "limit", "good parts rejected, as expected"]
    head += ["painted defects found"] if judge.known.painted else []
    head += ["parts rejected"]
    head += ["good parts rejected"] if view.good else []
    head += ["defective parts found"] if view.defective else []
    rows = []
    for point in points:
        limit, one = point.limit, counts(view, point.limit.value)
        rate, found = sentences.expected(limit), limit.expected.found
        cells = [repr(limit.value), rate.removeprefix("expected ") or "-"]
        cells += ["-" if found is None else f"{100 * found:.0f} %"] if judge.known.painted else []
        cells += [f"{one.rejected} of {one.parts}"]
        cells += [f"{one.good_rejected} of {one.good}"] if view.good else []
        cells += [f"{one.found} of {one.defective}"] if view.defective else []
        asked = point.asked if not point.is_now else Asked(at=limit.value)
        first = tag("th", tag("code", asked.typed()), NOW if point.is_now else None, scope="row")
        rows.append(tag("tr", first, *(tag("td", cell) for cell in cells), class_="now" if point.is_now else None))
    before, behind = _command(desk, view, judge)
    example = next((point.asked for point in points if not point.is_now), Asked(at=judge.limit))
    advice = tag(
        "p",
        "A lower limit finds more defects and rejects more good parts. To choose one, type what stands first in its "
        "line, for instance: ",
        tag("code", f"{before}{example.typed()}{behind}"),
        ", and then the report again.",
    )
    return tag("details", tag("summary", "Limits to choose from"), advice, table(head, rows), open=is_open)
