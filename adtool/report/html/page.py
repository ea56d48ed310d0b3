"""report.html: one file that opens from disk, with all its pictures, style and script inside."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from string import Template

from adtool.core import arrays, files, layout
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Sample
from adtool.core.layout import MapsFolder
from adtool.core.words import counted
from adtool.report.html import answers, atlas, decision, members, results
from adtool.report.html.album import Album, HeatmapSource
from adtool.report.html.cards import CardContext, tile
from adtool.report.html.gather import CategoryView, PageInput, colour_scale, views
from adtool.report.html.markup import Html, join, script_json, tag

FILE = "report.html"
WORST = 40  # of each gallery of a report on one category; several share it
FEWEST_WORST = 8
ALL_TILES = 2000
OPEN_CATEGORIES = 3  # more than this are folded
SCRIPTS = ("pictures", "limits", "answers", "tables", "classes")  # joined in this order
NAVIGATION = (
    ("decision", "Decision"),
    ("doubtful", "Doubtful parts"),
    ("answers", "Your answers"),
    ("results", "Results"),
    ("categories", "Curves and galleries"),
    ("atlas", "Defect atlas"),
    ("everything", "All parts"),
    ("notes", "Notes"),
)


def write(out: Path, given: PageInput, notes: Sequence[str]) -> Path:
    """Write report.html; returns its path.

    Args:
        out: the report's folder.
        given: what the report step has.
        notes: what the figures rest on, in sentences.
    """
    path = out / FILE
    files.write_bytes(path, page(given, notes).encode("utf-8", errors="replace"))
    return path


def _scores(folder: MapsFolder, sample: Sample) -> Floats:
    return arrays.read_scores(folder.scores(sample.category, sample.id)).scores


def page(given: PageInput, notes: Sequence[str]) -> str:
    """The whole page as HTML."""
    shown = views(given)
    album = Album(given.data)
    for view in shown:
        known = [sample for sample in view.category.test if sample.id in (view.judge.scores if view.judge else ())]
        for judge in view.judges:
            scored = [sample for sample in known if sample.id in judge.scores]
            if scored:
                scores_of = partial(_scores, judge.folder)
                scale = colour_scale(judge, view.name)
                album.knows(view.name, judge.source, HeatmapSource(scores_of, scale))
    desk = CardContext(given, album)
    atlases = [members.read(view, source, folder) for view in shown for source, folder in view.classes.items()]
    sections = {
        "decision": decision.section(desk, shown),
        "doubtful": decision.doubtful(desk, shown),
        "answers": answers.section(shown, given.answers),
        "results": results.section(shown, given.reports),
        "categories": _categories(desk, shown),
        "atlas": atlas.section(desk, atlases),
        "everything": _everything(desk, shown),
        "notes": _notes(notes),
    }
    links = [tag("a", text, href=f"#{key}") for key, text in NAVIGATION if sections[key] is not None]
    document = {
        "images": desk.answerable,
        "answers": [[category, image, answer] for (category, image), answer in given.answers.items()],
        "atlases": atlas.document(atlases),
        "columns": {"answers": answers.COLUMNS, "classes": layout.CLASSES_COLUMNS},
    }
    return _filled(
        title=f"{given.data.name}: report",
        subtitle=_subtitle(given, shown),
        navigation=tag("nav", *links, aria_label="Sections"),
        main=join(section for section in sections.values()),
        document={**document, "key": _key(document)},
        pictures=album.draw(),
    )


def _key(document: Mapping[str, object]) -> str:
    """Under which the browser keeps unsaved answers: another report has another key."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8", errors="replace")).hexdigest()[:16]


def _filled(
    *, title: str, subtitle: str, navigation: Html, main: Html, document: Mapping[str, object], pictures: Sequence[str]
) -> str:
    template = Template(_asset("page.html"))
    return template.substitute(
        title=join([title]),
        subtitle=join([subtitle]),
        style=_asset("page.css"),
        navigation=navigation,
        main=main,
        document=script_json(document),
        pictures=script_json(list(pictures)),
        script="\n".join(_asset(f"{name}.js") for name in SCRIPTS),
    )


def _asset(name: str) -> str:
    return (resources.files("adtool.report.html") / "assets" / name).read_text(encoding="utf-8")


def _subtitle(given: PageInput, shown: Sequence[CategoryView]) -> str:
    number = sum(len(view.samples) for view in shown)
    categories = f" in {len(shown)} categories" if len(shown) > 1 else ""
    parts = f"{counted(number, 'part')}{categories}, from {', '.join(f'{source}/' for source in given.folders)}"
    return ". ".join((parts, *given.unread))


def _categories(desk: CardContext, shown: Sequence[CategoryView]) -> Html:
    cap = max(FEWEST_WORST, WORST // len(shown))
    parts = []
    for view in shown:
        inside = [*results.plots(view), *decision.worst(desk, view, cap)]
        parts.append(
            tag("details", tag("summary", view.name), *inside, open=len(shown) <= OPEN_CATEGORIES, class_="category")
            if len(shown) > 1
            else tag("div", *inside)
        )
    colours = (
        "Maps: the brighter, the more unusual; all maps of one category and folder have the same colours for the same "
        "scores. The outline shows where a person marked the defect."
    )
    return tag("section", tag("h2", "Curves and galleries"), tag("p", colours), *parts, id="categories")


def _everything(desk: CardContext, shown: Sequence[CategoryView]) -> Html | None:
    scored = [view for view in shown if view.samples]
    if not scored:
        return None
    cap = ALL_TILES // len(scored)
    parts = []
    for view in scored:
        more = f", the {cap:,} with the highest scores" if len(view.samples) > cap else ""
        title = f"{view.name}: {counted(len(view.samples), 'part')}{more}"
        tiles = [tile(desk, view, sample) for sample in view.samples[:cap]]
        parts.append(
            tag(
                "details",
                tag("summary", title),
                tag("div", tag("ul", *tiles), class_="tiles"),
                open=len(scored) == 1,
                class_="category",
            )
        )
    finder = tag("label", "Find ", tag("input", type="search", id="find", placeholder="part of a name"))
    choices = [("", "all"), ("nok", "rejected"), ("ok", "accepted"), ("wrong", "decided against the label")]
    options = [tag("option", text, value=value) for value, text in choices]
    chooser = tag("label", "Show ", tag("select", *options, id="show"))
    found = tag("span", "", id="found", aria_live="polite")
    bar = tag("p", finder, " ", chooser, " ", found, class_="finder")
    intro = tag("p", "Highest score first; each part with its map.")
    return tag("section", tag("h2", "All parts"), intro, bar, *parts, id="everything")


def _notes(notes: Sequence[str]) -> Html:
    return tag("section", tag("h2", "Notes"), tag("ul", *(tag("li", note) for note in notes)), id="notes")
