"""One image as it is shown: its pictures, what was decided, and what a person says."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adtool.core import layout
from adtool.core.dataset.types import Sample
from adtool.report.html.album import LARGE, SMALL, Album
from adtool.report.html.gather import CategoryView, PageInput
from adtool.report.html.markup import Html, tag


@dataclass
class CardContext:
    """What every section needs: what was given, the pictures, and the numbers by which the script knows images."""

    given: PageInput
    album: Album
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, sample: Sample) -> int:
        """Number of an image that a person can answer for."""
        return self._numbers.setdefault((sample.category, sample.id), len(self._numbers))

    @property
    def answerable(self) -> list[tuple[str, str]]:
        """(category, id) by number."""
        return list(self._numbers)


def picture(number: int, says: str, size: tuple[int, int] | None = None) -> Html:
    """A picture that the script fills in when it comes near the screen; its (height, width) keep its place free."""
    height, width = size or (None, None)
    return tag("img", data_p=number, alt=says, decoding="async", width=width, height=height)


def label(sample: Sample) -> str:
    """An image by its own file name, below the folder of its kind where it has one."""
    below = sample.id.removeprefix(f"{layout.TEST}/").removeprefix(f"{layout.UNKNOWN_KIND}/")
    return f"{below}{sample.image.suffix}"


def card(desk: CardContext, view: CategoryView, sample: Sample, classes: str = "") -> Html:
    """An image with its mask and maps, its score beside the limit, and the two buttons of an answer."""
    size = desk.album.size(sample)

    def captioned(number: int, title: str) -> Html:
        return tag("span", picture(number, f"{title} of {label(sample)}", size), tag("span", title))

    shown = [captioned(desk.album.image(sample, LARGE), "image")]
    if sample.mask is not None and not view.category.is_normal(sample):
        shown.append(captioned(desk.album.mask(sample, LARGE), "marked defect"))
    for judge in view.judges:
        if sample.id in judge.scores:
            title = "map" if len(view.judges) == 1 else f"map in {judge.source}/"
            shown.append(captioned(desk.album.map(sample, judge.source, LARGE), title))
    return tag(
        "li",
        tag(
            "button",
            *shown,
            type="button",
            class_="pictures",
            aria_label=f"Enlarge {label(sample)}",
            data_says=label(sample),
        ),
        tag("p", badge(view, sample), " ", score(view, sample), class_="verdict"),
        tag("p", *_facts(desk, view, sample), class_="facts"),
        tag("p", why, class_="why") if (why := view.contradiction(sample)) else None,
        answer(desk, sample),
        class_=f"card {classes}".strip(),
    )


def tile(desk: CardContext, view: CategoryView, sample: Sample) -> Html:
    """An image among thousands: small, with its map and score."""
    judge = view.judge
    assert judge is not None, "only scored images are shown"
    flags = " ".join(_flags(view, sample))
    return tag(
        "li",
        tag(
            "div",
            picture(desk.album.image(sample, SMALL), ""),
            picture(desk.album.map(sample, judge.source, SMALL), ""),
        ),
        tag("span", badge(view, sample), f" {judge.scores[sample.id]:.4g}"),
        tag("span", label(sample), class_="id"),
        class_="tile",
        data_flags=flags,
        title=f"{sample.id} {label(sample)}",
    )


def _flags(view: CategoryView, sample: Sample) -> list[str]:
    judge = view.judge
    assert judge is not None, "only scored images are shown"
    if judge.limit is None:
        return []
    rejected = judge.rejects(sample)
    flags = ["nok" if rejected else "ok"]
    if view.is_known(sample) and rejected == view.category.is_normal(sample):
        flags.append("wrong")
    return flags


def badge(view: CategoryView, sample: Sample) -> Html | None:
    """The decision, by word and by shape as well as by colour."""
    judge = view.judge
    if judge is None or judge.limit is None:
        return None
    if judge.rejects(sample):
        return tag("b", f"✕ {layout.NOT_OK}", class_="badge nok")
    return tag("b", f"✓ {layout.OK}", class_="badge ok")


def score(view: CategoryView, sample: Sample) -> str:
    """The image score, in relation to the limit."""
    judge = view.judge
    if judge is None or sample.id not in judge.scores:
        return ""
    value = judge.scores[sample.id]
    if judge.limit is None:
        return f"score {value:.4g}"
    side = "above" if value > judge.limit else "below" if value < judge.limit else "at"
    digits = next((n for n in (4, 6) if f"{value:.{n}g}" != f"{judge.limit:.{n}g}"), 8)  # as many as tell them apart
    return f"score {value:.{digits}g}, {side} the limit {judge.limit:.{digits}g}"


def _facts(desk: CardContext, view: CategoryView, sample: Sample) -> list[object]:
    facts: list[object] = [tag("span", label(sample), class_="id", title=sample.id)]
    if len(desk.given.data.categories) > 1:
        facts.append(f" · {view.name}")
    if view.is_known(sample):
        facts.append(f" · labelled {sample.kind}")
    return facts


def answer(desk: CardContext, sample: Sample) -> Html:
    """Two buttons: the person who looks at it says whether the part is good."""
    choices = ((layout.OK, "Good part"), (layout.NOT_OK, "Defect"))
    buttons = [tag("button", text, type="button", value=value, aria_pressed="false") for value, text in choices]
    legend = tag("legend", f"Your answer for {label(sample)}", class_="unseen")
    return tag("fieldset", legend, *buttons, class_="answer", data_n=desk.number(sample))


def gallery(desk: CardContext, view: CategoryView, samples: Sequence[Sample]) -> Html:
    """Cards of several images."""
    return tag("ul", *(card(desk, view, sample) for sample in samples), class_="cards")
