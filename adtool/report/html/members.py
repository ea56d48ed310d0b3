"""The discovered classes of a category as the page shows them: their tables, and pictures of their members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from adtool.core import json_files, layout
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder
from adtool.core.model_cards import CountCard, DoubtsCard
from adtool.report.html.cards import CardContext, label, picture
from adtool.report.html.gather import CategoryView
from adtool.report.html.markup import Html, tag

CROP_SIDE = 128
Row = Mapping[str, str]


class ShownCard(json_files.JsonForm):
    """What the page says of a card: how sure the number of classes is."""

    auto: CountCard | None = None
    doubts: DoubtsCard = DoubtsCard()


@dataclass(frozen=True)
class Atlas:
    """The discovered classes of one category of one source, by class where many."""

    view: CategoryView
    source: str
    folder: ClassesFolder
    rows: Sequence[Row]
    images: Mapping[str, list[Row]]
    crops: Mapping[str, list[Row]]
    card: ShownCard

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
    return Atlas(view, source, folder, rows, _by_class(found.image_rows()), _by_class(crops), _card(folder))


def _card(folder: ClassesFolder) -> ShownCard:
    if not folder.card.exists():
        return ShownCard()
    return json_files.read(folder.card, ShownCard, "Run `adtool discover --force`.")


def _by_class(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (-number(row, "confidence"), row.get("id", ""))):
        found.setdefault(row.get("class", ""), []).append(row)
    return found


def number(row: Row, column: str) -> float:
    """A cell as a number, 0 for what is none."""
    try:
        return float(row.get(column) or 0)
    except ValueError:
        return 0.0


def one_an_image(crops: Sequence[Row]) -> list[Row]:
    """The crop of each image whose score is the highest, by which its class was told.

    Twelve corners of one part say less than twelve parts.
    """
    found: dict[str, Row] = {}
    for row in crops:
        if row["id"] not in found or number(row, "score") > number(found[row["id"]], "score"):
            found[row["id"]] = row
    return list(found.values())


def pictures(desk: CardContext, atlas: Atlas, members: Sequence[Row], most: int, *, movable: bool = True) -> list[Html]:
    """Pictures of some members of a class: of their crops, or of the whole parts where there are none.

    Args:
        desk: draws them.
        atlas: they are of.
        members: rows of crops, or of images.
        most: as many are shown at most.
        movable: whether the enlarged picture offers to move its part to another class.
    """
    if members and "file" in members[0]:
        return [_crop(desk, atlas, crop, movable=movable) for crop in members[:most]]
    shown = [atlas.samples[member["id"]] for member in members[:most] if member["id"] in atlas.samples]
    return [_part(atlas, one.id, desk.album.image(one, CROP_SIDE), movable=movable) for one in shown]


def _crop(desk: CardContext, atlas: Atlas, row: Row, *, movable: bool) -> Html:
    crop = atlas.folder.path / row["file"]
    if not crop.resolve().is_relative_to(atlas.folder.path.resolve()):
        raise BadDataError(
            f"{crop} leads out of {atlas.folder.path}, so the page does not show it. Run `adtool discover --force`."
        )
    confidence = f", confidence {number(row, 'confidence'):.2f}"
    return _part(atlas, row["id"], desk.album.file(crop, CROP_SIDE), confidence, movable=movable)


def _part(atlas: Atlas, one: str, shown: int, more: str = "", *, movable: bool) -> Html:
    """A picture that names its part, and can be enlarged to move the part to another class."""
    sample = atlas.samples.get(one)
    name = label(sample) if sample is not None else one
    says = f"{name}{more}"
    framed = tag("span", picture(shown, says))
    of = one if movable else None
    button = tag("button", framed, type="button", class_="pictures", data_says=says, data_part=of, aria_label=says)
    return tag("li", button, tag("span", name, class_="id"), title=says)


def strip(title: str, items: Sequence[Html]) -> Html | None:
    """Pictures side by side below a title; nothing where there are none."""
    return tag("div", tag("p", title, class_="over"), tag("ul", *items, class_="strip crops")) if items else None
