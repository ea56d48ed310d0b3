"""The first thing on the page: what is decided, in parts and not in scores, and what is close to the limit."""

from collections.abc import Sequence

from adtool.core.dataset.types import Sample
from adtool.core.limits import sentences
from adtool.core.words import counted
from adtool.report.html import other_limits
from adtool.report.html.cards import CardContext, card, gallery, label, picture
from adtool.report.html.gather import CategoryView, SourceJudgement
from adtool.report.html.markup import Html, table, tag

DOUBTFUL = 20
STRIP = 12


def section(desk: CardContext, views: Sequence[CategoryView]) -> Html:
    """The decision."""
    judged = [view for view in views if view.judge and view.judge.limit is not None]
    parts: list[object] = [tag("h2", "Decision")]
    if judged:
        parts.append(tag("p", desk.given.headline, class_="headline"))
        parts += [_by_category(judged)] if len(judged) > 1 else []
    else:
        scored = any(view.samples for view in views)
        reason = (
            "No limit is in force, so parts are ranked by their score: the highest first."
            if scored
            else "There are no maps in this report, so no part was judged. The discovered classes are below."
        )
        parts += [tag("p", "No decision was made.", class_="headline"), tag("p", reason)]
    for view in views:
        if view.judge is not None and view.samples:
            parts += _about(desk, view, view.judge, with_name=len(views) > 1)
    return tag("section", *parts, id="decision")


def _by_category(views: Sequence[CategoryView]) -> Html:
    head = ("category", "parts", "rejected", "good parts rejected", "defective parts found")
    rows = []
    for view in views:
        assert view.judge is not None, "only judged categories come here"
        one = other_limits.counts(view, view.judge.limit)
        cells = (one.parts, one.rejected, _of(one.good_rejected, one.good), _of(one.found, one.defective))
        rows.append(tag("tr", tag("th", view.name, scope="row"), *(tag("td", cell) for cell in cells)))
    return table(head, rows)


def _of(number: int, whole: int) -> str:
    return f"{number} of {whole}" if whole else "no labels"


def _about(desk: CardContext, view: CategoryView, judge: SourceJudgement, *, with_name: bool) -> list[Html]:
    """One category: its limit, what it rests on, the good parts that it does not accept, and other limits."""
    learned, good = judge.learned_but_rejected, [sample for sample in view.good if judge.rejects(sample)]
    title = (
        f"Of the {counted(len(judge.known.normals), 'good part')} to learn from it would reject {len(learned)}, each "
        "judged by a model that did not learn from it:"
    )
    parts = [
        tag("h3", view.name) if with_name else None,
        tag("p", f"{sentences.stated(judge.chosen)} It stands in {judge.source}/."),
        _left_out(view),
        tag("p", odd) if (odd := sentences.odd(judge.chosen)) and not judge.odd else None,
        _strip(desk, odd, judge.odd),
        _strip(desk, title, learned),
        _strip(desk, "Good parts of the test that are rejected, the clearest first:", good),
        *other_limits.choices(desk, view, judge, is_open=not with_name),
    ]
    return [part for part in parts if part is not None]


def _left_out(view: CategoryView) -> Html | None:
    number = sum(sample.id in view.taught_by for sample in [*view.good, *view.defective])
    if not number:
        return None
    return tag("p", f"{counted(number, 'part')} that people answered for or added {_are(number)} not counted.")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _strip(desk: CardContext, title: str, samples: Sequence[Sample]) -> Html | None:
    if not samples:
        return None
    shown = [
        tag("li", picture(desk.album.image(sample), label(sample)), tag("span", label(sample), class_="id"))
        for sample in samples[:STRIP]
    ]
    more = f" {STRIP} of {len(samples)} are shown." if len(samples) > STRIP else ""
    return tag("div", tag("p", title, more), tag("ul", *shown, class_="strip"))


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
