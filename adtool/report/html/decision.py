"""The first thing on the page: what is decided, in parts and not in scores, and what is close to the limit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adtool.core.dataset.types import Sample
from adtool.core.words import counted
from adtool.report.html.cards import CardContext, card, gallery, label, picture
from adtool.report.html.gather import CategoryView, SourceJudgement
from adtool.report.html.markup import Html, tag

DOUBTFUL = 20
STRIP = 12
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # of good parts rejected, to choose another limit from


@dataclass(frozen=True)
class DecisionCount:
    """Decisions, counted."""

    parts: int
    rejected: int
    good: int
    good_rejected: int
    defective: int
    found: int


def count(view: CategoryView, limit: float | None) -> DecisionCount:
    """What a limit would decide."""
    judge = view.judge

    def above(samples: Sequence[Sample]) -> int:
        if judge is None or limit is None:
            return 0
        return sum(judge.scores[sample.id] > limit for sample in samples)

    return DecisionCount(
        len(view.samples),
        above(view.samples),
        len(view.good),
        above(view.good),
        len(view.defective),
        above(view.defective),
    )


def section(desk: CardContext, views: Sequence[CategoryView]) -> Html:
    """The decision."""
    judged = [view for view in views if view.judge and view.judge.limit is not None]
    parts: list[object] = [tag("h2", "Decision")]
    if not judged:
        scored = any(view.samples for view in views)
        reason = (
            "No limit could be set, because there were no good parts to set it with. "
            "The parts below are ranked by their score: the highest first."
            if scored
            else "There are no maps in this report, so no part was judged. The discovered classes are below."
        )
        return tag(
            "section", *parts, tag("p", "No decision was made.", class_="headline"), tag("p", reason), id="decision"
        )
    parts.append(tag("p", headline([(view, count(view, _limit(view))) for view in judged]), class_="headline"))
    if len(judged) > 1:
        parts.append(_by_category(judged))
    for view in judged:
        parts += _about(desk, view, with_name=len(judged) > 1)
    return tag("section", *parts, id="decision")


def headline(counted: Sequence[tuple[CategoryView, DecisionCount]]) -> str:
    """One sentence about all categories that have a limit."""
    good = sum(one.good for _, one in counted)
    defective = sum(one.defective for _, one in counted)
    shares = {view.judge.false_alarms for view, _ in counted if view.judge}
    share = next(iter(shares)) if len(shares) == 1 else None
    start = f"At {100 * share:g} % false alarms, " if share is not None else "With the present limit, "
    if not good + defective:
        rejected, parts = sum(one.rejected for _, one in counted), sum(one.parts for _, one in counted)
        return f"{start}{rejected} of your {_parts(parts)} {_are(rejected)} rejected."
    said = []
    if good:
        rejected = sum(one.good_rejected for _, one in counted)
        said.append(f"{rejected} of your {_parts(good, 'good ')} {_are(rejected)} rejected")
    if defective:
        found = sum(one.found for _, one in counted)
        said.append(f"{found} of {_parts(defective, 'defective ')} {_are(found)} found")
    return f"{start}{' and '.join(said)}."


def _parts(number: int, kind: str = "") -> str:
    return counted(number, f"{kind}part")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _limit(view: CategoryView) -> float | None:
    return view.judge.limit if view.judge else None


def _by_category(views: Sequence[CategoryView]) -> Html:
    head = ("category", "parts", "rejected", "good parts rejected", "defective parts found")
    rows = []
    for view in views:
        one = count(view, _limit(view))
        cells = (view.name, one.parts, one.rejected, _of(one.good_rejected, one.good), _of(one.found, one.defective))
        rows.append(tag("tr", tag("th", cells[0], scope="row"), *(tag("td", cell) for cell in cells[1:])))
    return table(head, rows)


def table(head: Sequence[object], rows: Sequence[Html]) -> Html:
    """A table that scrolls sideways where the screen is narrow."""
    cells = tag("tr", *(tag("th", text, scope="col") for text in head))
    return tag("div", tag("table", tag("thead", cells), tag("tbody", *rows)), class_="wide", tabindex=0)


def _of(number: int, whole: int) -> str:
    return f"{number} of {whole}" if whole else "no labels"


def _about(desk: CardContext, view: CategoryView, *, with_name: bool) -> list[Html]:
    judge = view.judge
    assert judge is not None, "only judged categories come here"
    return [part for part in _paragraphs(desk, view, judge, with_name=with_name) if part is not None]


def _paragraphs(desk: CardContext, view: CategoryView, judge: SourceJudgement, *, with_name: bool) -> list[Html | None]:
    beyond = [score for score in judge.normal_scores if judge.limit is not None and score > judge.limit]
    text = (
        f"The limit is an anomaly score of {judge.limit:.4g}, taken from {judge.source}/. "
        f"It was set on {_parts(len(judge.normal_scores), 'good ')} that were kept aside while the detector learned: "
        f"{len(beyond)} of them {'scores' if len(beyond) == 1 else 'score'} higher."
    )
    rejected = [sample for sample in view.good if judge.rejects(sample)]
    aside = [s for s, score in zip(judge.held_out, judge.normal_scores, strict=False) if score > (judge.limit or 0)]
    return [
        tag("h3", view.name) if with_name else None,
        tag("p", text),
        _strip(desk, "Good parts kept aside that would be rejected:", aside),
        _strip(desk, "Good parts of the test that are rejected, the clearest first:", rejected),
        _choices(view, judge, is_open=not with_name),
    ]


def _strip(desk: CardContext, title: str, samples: Sequence[Sample]) -> Html | None:
    if not samples:
        return None
    shown = [
        tag("li", picture(desk.album.image(sample), label(sample)), tag("span", label(sample), class_="id"))
        for sample in samples[:STRIP]
    ]
    more = f" {STRIP} of {len(samples)} are shown." if len(samples) > STRIP else ""
    return tag("div", tag("p", title, more), tag("ul", *shown, class_="strip"))


def _choices(view: CategoryView, judge: SourceJudgement, *, is_open: bool) -> Html | None:
    """What other limits would decide."""
    if not judge.normal_scores:
        return None
    scores = np.array(judge.normal_scores)
    limits = {float(np.quantile(scores, 1 - share, method="higher")) for share in SHARES} | {_limit(view) or 0.0}
    rows = []
    for limit in sorted(limits, reverse=True):
        one = count(view, limit)
        beyond = int((scores > limit).sum())
        cells: list[object] = [f"{limit:.4g}", f"{beyond} of {scores.size} ({beyond / scores.size:.0%})"]
        cells += [f"{one.rejected} of {one.parts}"]
        cells += [f"{one.good_rejected} of {one.good}"] if one.good else []
        cells += [f"{one.defective - one.found} of {one.defective}"] if one.defective else []
        now = tag("b", " now") if limit == judge.limit else None
        first = tag("th", cells[0], now, scope="row")
        rows.append(tag("tr", first, *(tag("td", cell) for cell in cells[1:]), class_="now" if now else None))
    head = ["limit", "good parts kept aside, rejected", "test parts rejected"]
    head += ["good test parts rejected"] if view.good else []
    head += ["defective test parts missed"] if view.defective else []
    advice = tag(
        "p",
        "A lower limit finds more defects and rejects more good parts. To allow 5 % of false alarms, for instance: ",
        tag("code", f"adtool {judge.command or 'maps'} --false-alarms 0.05"),
        ", and then the report again.",
    )
    summary = tag("summary", "What another limit would decide")
    return tag("details", summary, advice, table(head, rows), open=is_open)


def doubtful(desk: CardContext, views: Sequence[CategoryView]) -> Html | None:
    """The images nearest to the limit of their category."""
    ranked = sorted(
        (
            (view.judge.doubt(sample), view.name, sample.id, view, sample)
            for view in views
            if view.judge
            for sample in view.samples
        ),
        key=lambda one: one[:3],
    )[:DOUBTFUL]
    if not ranked:
        return None
    limited = all(view.judge and view.judge.limit is not None for view in views if view.samples)
    title = f"The {len(ranked)} most doubtful parts" if limited else f"The {len(ranked)} most conspicuous parts"
    text = (
        "Their scores lie closest to the limit, so a small change would decide them differently. "
        if limited
        else "Their scores are the highest, or the closest to the limit where there is one. "
    )
    invited = (
        "Say what you see: your answers are kept in this browser until you save them. As soon as there is one, a bar "
        "to save it appears at the bottom."
    )
    cards = [card(desk, view, sample) for _, _, _, view, sample in ranked]
    return tag("section", tag("h2", title), tag("p", text, invited), tag("ul", *cards, class_="cards"), id="doubtful")


def worst(desk: CardContext, view: CategoryView, cap: int) -> list[Html]:
    """Galleries of what went wrong, the worst first; of the highest scores where nobody said what is right."""
    judge = view.judge
    if judge is None or not view.samples:
        return []
    if not (view.good or view.defective):
        return _shown(desk, view, "Highest scores", "", view.samples, cap)
    if judge.limit is None:
        why = "There is no limit, so these are ranked only."
        found = _shown(desk, view, "Defective parts with the lowest scores", why, view.defective, cap)
        return found + _shown(desk, view, "Good parts with the highest scores", why, view.good, cap)
    misses = [sample for sample in view.defective if not judge.rejects(sample)]
    alarms = [sample for sample in view.good if judge.rejects(sample)]
    found = _shown(desk, view, "Worst misses", "Defective parts that pass, the lowest score first.", misses, cap)
    return found + _shown(desk, view, "Worst false alarms", "Good parts rejected, highest score first.", alarms, cap)


def _shown(
    desk: CardContext, view: CategoryView, title: str, text: str, samples: Sequence[Sample], cap: int
) -> list[Html]:
    more = f" {cap} of {len(samples)} are shown." if len(samples) > cap else ""
    if not samples:
        return [tag("h3", f"{title}: none")]
    return [tag("h3", f"{title} ({len(samples)})"), tag("p", text, more), gallery(desk, view, samples[:cap])]
