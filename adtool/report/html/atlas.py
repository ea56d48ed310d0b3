"""The defect atlas: each discovered class with its examples, and the controls that make the review file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from adtool.core import layout
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder
from adtool.core.words import counted
from adtool.report import truth
from adtool.report.classes import LabelledClasses
from adtool.report.html.cards import CardContext, label, picture
from adtool.report.html.gather import CategoryView
from adtool.report.html.markup import Html, table, tag

TYPICAL, UNSURE = 12, 4
CROP_SIDE = 128
Row = Mapping[str, str]


@dataclass(frozen=True)
class Atlas:
    """The discovered classes of one category of one source, by class where many."""

    view: CategoryView
    source: str
    folder: ClassesFolder
    rows: Sequence[Row]
    images: Mapping[str, list[Row]]
    crops: Mapping[str, list[Row]]

    @cached_property
    def samples(self) -> Mapping[str, Sample]:
        """Test images by id."""
        return {sample.id: sample for sample in self.view.category.test}

    @property
    def key(self) -> str:
        """What the script calls it."""
        return f"{self.source}/{self.view.name}"


def read(view: CategoryView, source: str, folder: ClassesFolder) -> Atlas:
    """Read the tables of a category; the surest examples of a class come first.

    Members are those that were found, also after a review: every review starts from them.
    """
    before = ClassesFolder(folder.path / layout.AS_FOUND)
    found = before if before.images.exists() else folder
    crops = found.crop_rows() if found.crops.exists() else []
    rows = [{column: row.get(column) or "" for column in layout.CLASSES_COLUMNS} for row in folder.class_rows()]
    return Atlas(view, source, folder, rows, _by_class(found.image_rows()), _by_class(crops))


def _by_class(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (-_number(row, "confidence"), row.get("id", ""))):
        found.setdefault(row.get("class", ""), []).append(row)
    return found


def _number(row: Row, column: str) -> float:
    try:
        return float(row.get(column) or 0)
    except ValueError:
        return 0.0


def section(desk: CardContext, atlases: Sequence[Atlas]) -> Html | None:
    """All discovered classes."""
    if not atlases:
        return None
    text = (
        "Parts whose defects look alike were put into one class, without knowing any kind of defect. "
        "Give the classes names, merge those that are the same, and reject those that mean nothing. "
        "A part that is in the wrong class can be moved: click on its picture. As soon as something is changed, a bar "
        "appears at the bottom that saves classes.csv. Put that file into the workspace, and run "
    )
    command = tag("code", "adtool discover --review classes.csv")
    parts: list[object] = [tag("h2", "Defect atlas"), tag("p", text, command, ".")]
    for atlas in atlases:
        parts += [tag("h3", atlas.view.name) if len(atlases) > 1 else None]
        parts += [tag("div", *(_class_card(desk, atlas, row) for row in atlas.rows), class_="classes")]
        parts += [_confusion(atlas)]
    return tag("section", *parts, id="atlas")


def _class_card(desk: CardContext, atlas: Atlas, row: Row) -> Html:
    name = row["class"]
    members = atlas.images.get(name, [])
    crops = _one_an_image(atlas.crops.get(name, []))
    typical, unsure = crops[:TYPICAL], crops[TYPICAL:][-UNSURE:]
    pictures = [_strip("Most typical", [_crop(desk, atlas, crop) for crop in typical])]
    pictures += [_strip("Least sure", [_crop(desk, atlas, crop) for crop in unsure])]
    if not crops:
        shown = [atlas.samples[member["id"]] for member in members[:TYPICAL] if member["id"] in atlas.samples]
        whole = [_part(atlas, one.id, desk.album.image(one, CROP_SIDE)) for one in shown]
        pictures = [_strip("Most typical parts", whole)]
    return tag(
        "article",
        tag("h4", name),
        _controls(atlas, row),
        tag("p", *_said(atlas, row), class_="facts"),
        *pictures,
        class_="class",
        data_atlas=atlas.key,
        data_class=name,
    )


def _one_an_image(crops: Sequence[Row]) -> list[Row]:
    """The first crop of each image: twelve corners of one part say less than twelve parts."""
    return list({row["id"]: row for row in reversed(crops)}.values())[::-1]


def _crop(desk: CardContext, atlas: Atlas, row: Row) -> Html:
    crop = atlas.folder.path / row["file"]
    if not crop.resolve().is_relative_to(atlas.folder.path.resolve()):
        raise BadDataError(
            f"{crop} leads out of {atlas.folder.path}, so the page does not show it. Run `adtool discover --force`."
        )
    number = desk.album.file(crop, CROP_SIDE)
    return _part(atlas, row["id"], number, f", confidence {_number(row, 'confidence'):.2f}")


def _part(atlas: Atlas, one: str, number: int, more: str = "") -> Html:
    """A picture that names its part, and can be enlarged to move the part to another class."""
    sample = atlas.samples.get(one)
    name = label(sample) if sample is not None else one
    says = f"{name}{more}"
    shown = tag("span", picture(number, says))
    button = tag("button", shown, type="button", class_="pictures", data_says=says, data_part=one, aria_label=says)
    return tag("li", button, tag("span", name, class_="id"), title=says)


def _strip(title: str, items: Sequence[Html]) -> Html | None:
    return tag("div", tag("p", title, class_="over"), tag("ul", *items, class_="strip crops")) if items else None


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
    members, crops = atlas.images.get(row["class"], []), atlas.crops.get(row["class"], [])
    share = len(members) / max(1, sum(len(rows) for rows in atlas.images.values()))
    said = [row["description"]] if row["description"] else []
    said.append(f"{counted(len(members), 'part')} ({share:.0%})")
    sizes = [area for crop in crops if (area := _number(crop, "area_px"))]  # some classes hold parts without a region
    if sizes:
        said.append(f"size {median(sizes):,.0f} px (from {min(sizes):,.0f} to {max(sizes):,.0f})")
    if members:
        said.append(f"confidence {median(_number(member, 'confidence') for member in members):.2f}")
    against = [member for member in members if member["id"] in atlas.samples]
    against = [member for member in against if atlas.view.contradiction(atlas.samples[member["id"]])]
    if against:
        other = "NOK" if row["class"] == layout.NORMAL_CLASS else "OK"
        said.append(f"{len(against)} of them {other} by the limit, which asks how strong a defect is, not how it looks")
    kinds: dict[str, int] = {}
    for member in members:
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
        atlas.key: {"category": atlas.view.name, "rows": [dict(row) for row in atlas.rows], "moves": _moves(atlas)}
        for atlas in atlases
    }
