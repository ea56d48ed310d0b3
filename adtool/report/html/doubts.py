"""How sure the number of classes is, with pictures of what one class fewer and one more would change."""

from collections.abc import Mapping, Sequence

from adtool.core.words import counted
from adtool.report.html import members
from adtool.report.html.cards import CardContext
from adtool.report.html.markup import Html, join, tag
from adtool.report.html.members import Atlas, Row

SHOWN = 6  # pictures of each side
WORTH_SAYING = 0.05  # share of the draws that a number must have to be named


def section(desk: CardContext, atlas: Atlas) -> Html | None:
    """The number of classes with what else it could be, the two that may be one, and the one that may be two.

    What a finished folder of an earlier version does not say is left out.
    """
    named = {row["class"]: row for row in atlas.rows}
    merge = sorted(atlas.card.doubts.merge, key=list(named).index) if set(atlas.card.doubts.merge) <= set(named) else []
    split = atlas.card.doubts.split
    panels = [_merge(desk, atlas, merge)] if len(merge) > 1 else []
    panels += [_split(desk, atlas, split)] if split in named else []
    said = how_many(atlas)
    if not panels and not said:
        return None
    return tag("div", tag("p", said) if said else None, tag("div", *panels, class_="doubts"))


def how_many(atlas: Atlas) -> str:
    """The number of classes as a range with what is most likely, the normal one counted; empty where it was given."""
    auto = atlas.card.auto
    if auto is None:
        return ""
    low, high, likely = auto.low + 1, auto.high + 1, auto.count + 1
    said = f"{likely} classes" if low == high else f"{low} to {high} classes, most likely {likely}"
    shares = {int(count) + 1: share for count, share in auto.shares.items() if share >= WORTH_SAYING}
    each = ", ".join(f"{count}: {share:.0%}" for count, share in sorted(shares.items()))
    return f"{said}, the normal one counted{f' ({each})' if len(shares) > 1 else ''}."


def _merge(desk: CardContext, atlas: Atlas, names: Sequence[str]) -> Html:
    first, second = names[0], names[-1]
    sides = [_side(desk, atlas, name, _members(atlas, name)) for name in (first, second)]
    button = _button(atlas, second, f"merge {first}", f"Merge {second} into {first}")
    return _panel(
        f"These two may be one: {first} and {second}", "With one class fewer, they would be one.", sides, button
    )


def _split(desk: CardContext, atlas: Atlas, name: str) -> Html:
    half = {row["id"]: row.get("half", "") for row in atlas.images.get(name, [])}
    shown = _members(atlas, name)
    titles: Mapping[str, str] = {"1": "First half", "2": "Second half"}
    sides = [
        _side(
            desk,
            atlas,
            f"{title}, {counted(sum(one == key for one in half.values()), 'part')}",
            [row for row in shown if half.get(row["id"]) == key],
        )
        for key, title in titles.items()
    ]
    button = _button(atlas, name, "split ", f"Split {name}")
    return _panel(f"This one may be two: {name}", "With one class more, it would be two.", sides, button)


def _members(atlas: Atlas, name: str) -> Sequence[Row]:
    return members.one_an_image(atlas.crops.get(name, [])) or atlas.images.get(name, [])


def _side(desk: CardContext, atlas: Atlas, title: str, shown: Sequence[Row]) -> Html:
    pictures = members.pictures(desk, atlas, shown, SHOWN, movable=False)
    return tag("div", members.strip(title, pictures))


def _button(atlas: Atlas, name: str, chosen: str, text: str) -> Html:
    return tag("button", text, type="button", class_="doubt", data_atlas=atlas.key, data_class=name, data_fate=chosen)


def _panel(title: str, text: str, sides: Sequence[Html], button: Html) -> Html:
    return tag("article", tag("h4", title), tag("p", text, class_="facts"), join(sides), button, class_="doubt-panel")
