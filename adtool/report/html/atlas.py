"""The defect atlas: each discovered class with its examples, and the controls that make the review file."""

from collections.abc import Sequence
from statistics import median

from adtool.core import layout
from adtool.core.words import counted
from adtool.report import truth
from adtool.report.classes import LabelledClasses
from adtool.report.html import doubts, members
from adtool.report.html.cards import CardContext
from adtool.report.html.markup import Html, table, tag
from adtool.report.html.members import Atlas, Row

TYPICAL, UNSURE = 12, 4


def section(desk: CardContext, atlases: Sequence[Atlas]) -> Html | None:
    """All discovered classes."""
    if not atlases:
        return None
    text = (
        "Parts whose defects look alike were put into one class, without knowing any kind of defect. "
        "Give the classes names, merge those that are the same, split what is two, and reject those that mean nothing. "
        "A part that is in the wrong class can be moved: click on its picture. As soon as something is changed, a bar "
        "appears at the bottom that saves classes.csv. Put that file into the workspace, and run "
    )
    command = tag("code", "adtool discover --review classes.csv")
    parts: list[object] = [tag("h2", "Defect atlas"), tag("p", text, command, ".")]
    for atlas in atlases:
        parts += [tag("h3", atlas.view.name) if len(atlases) > 1 else None]
        parts += [doubts.section(desk, atlas)]
        parts += [tag("div", *(_class_card(desk, atlas, row) for row in atlas.rows), class_="classes")]
        parts += [_confusion(atlas)]
    return tag("section", *parts, id="atlas")


def _class_card(desk: CardContext, atlas: Atlas, row: Row) -> Html:
    name = row["class"]
    crops = members.one_an_image(atlas.crops.get(name, []))
    shown = [members.strip("Most typical", members.pictures(desk, atlas, crops, TYPICAL))]
    shown += [members.strip("Least sure", members.pictures(desk, atlas, crops[TYPICAL:][-UNSURE:], UNSURE))]
    if not crops:
        whole = members.pictures(desk, atlas, atlas.images.get(name, []), TYPICAL)
        shown = [members.strip("Most typical parts", whole)]
    return tag(
        "article",
        tag("h4", name),
        _controls(atlas, row),
        tag("p", *_said(atlas, row), class_="facts"),
        *shown,
        class_="class",
        data_atlas=atlas.key,
        data_class=name,
    )


def _controls(atlas: Atlas, row: Row) -> Html:
    """Name and fate of a class; the script fills in the choices and the present values."""
    name = row["class"]
    return tag(
        "div",
        tag(
            "label", tag("span", "Name"), tag("input", type="text", class_="name", placeholder=name, autocomplete="off")
        ),
        tag("label", tag("span", "What to do"), tag("select", class_="fate", aria_label=f"What to do with {name}")),
        tag("p", "", class_="fate-note", aria_live="polite"),
        class_="controls",
    )


def _said(atlas: Atlas, row: Row) -> list[object]:
    images, crops = atlas.images.get(row["class"], []), atlas.crops.get(row["class"], [])
    share = len(images) / max(1, sum(len(rows) for rows in atlas.images.values()))
    said = [row["description"]] if row["description"] else []
    said.append(f"{counted(len(images), 'part')} ({share:.0%})")
    sizes = [
        area for crop in crops if (area := members.number(crop, "area_px"))
    ]  # some classes hold parts without a region
    if sizes:
        said.append(f"size {median(sizes):,.0f} px (from {min(sizes):,.0f} to {max(sizes):,.0f})")
    if images:
        said.append(f"confidence {median(members.number(member, 'confidence') for member in images):.2f}")
    against = [member for member in images if member["id"] in atlas.samples]
    against = [member for member in against if atlas.view.contradiction(atlas.samples[member["id"]])]
    if against:
        other = "NOK" if row["class"] == layout.NORMAL_CLASS else "OK"
        said.append(f"{len(against)} of them {other} by the limit, which asks how strong a defect is, not how it looks")
    kinds: dict[str, int] = {}
    for member in images:
        if member.get("kind") and member["kind"] != layout.UNKNOWN_KIND:
            kinds[member["kind"]] = kinds.get(member["kind"], 0) + 1
    if kinds:
        most = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))[:3]
        said.append("labelled " + ", ".join(f"{kind} {number}" for kind, number in most))
    return [" · ".join(said)]


def _confusion(atlas: Atlas) -> Html | None:
    """Known kinds against classes."""
    assigned = {row["id"]: name for name, rows in atlas.images.items() for row in rows}
    pairs = truth.assigned(truth.labelled(atlas.view.category), atlas.view.category, assigned)
    if not pairs:
        return tag("p", "No table of kinds and classes: the kind of no part is known.")
    kinds = sorted({kind for kind, _ in pairs})
    names = [row["class"] for row in atlas.rows if row["class"] in set(assigned.values())]
    names += sorted(set(assigned.values()) - set(names))
    matching = LabelledClasses([k for k, _ in pairs], [n for _, n in pairs], atlas.view.category.normal_kinds).matching
    called = {row["class"]: row["name"] for row in atlas.rows if row["name"]}
    rows = []
    for kind in kinds:
        counts = [sum(pair == (kind, name) for pair in pairs) for name in names]
        cells = [_cell(n, sum(counts), fits=matching.get(name) == kind) for n, name in zip(counts, names, strict=True)]
        rows.append(tag("tr", tag("th", kind, scope="row"), *cells, tag("td", sum(counts), class_="sum")))
    head = [
        "labelled kind",
        *(tag("span", called.get(name, name), data_name=name, data_atlas=atlas.key) for name in names),
    ]
    text = "Rows are the labelled kinds, columns the discovered classes. A frame marks the class that fits a kind best."
    return tag("div", tag("h4", "Kinds and classes"), tag("p", text), table([*head, "all"], rows), class_="confusion")


def _cell(number: int, whole: int, *, fits: bool) -> Html:
    shade = f"--share:{number / max(1, whole):.2f}"
    return tag("td", number or "·", class_="count fits" if fits else "count", style=shade)


def _moves(atlas: Atlas) -> dict[str, list[str]]:
    """The parts that an earlier review moved: the class that each was found in, and where it went."""
    rows = (row for row in atlas.folder.review_rows() if layout.is_move(row))
    return {row["example_id"]: [row["class"], row["into"]] for row in rows}


def document(atlases: Sequence[Atlas]) -> dict[str, object]:
    """What the script needs of the classes: the rows of each review file."""
    return {
        atlas.key: {
            "category": atlas.view.name,
            "rows": [dict(row) for row in atlas.rows],
            "moves": _moves(atlas),
            "split": atlas.card.doubts.split,
        }
        for atlas in atlases
    }
