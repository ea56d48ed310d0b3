"""HTML from Python with everything escaped that is not HTML already.

Names of files, kinds and classes come from people and disks; nothing reaches the page past `tag`.
"""

import html
import json
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = ("img", "input", "br", "hr", "meta")  # elements without content


def tag(name: str, *children: object, **attributes: object) -> Html:
    """One element; children that are not `Html` are escaped.

    Args:
        name: of the element.
        children: text or elements; None is left out.
        attributes: `class_` is written as class and `data_id` as data-id; True stands for an attribute without
            a value, and one that is None or False is left out.
    """
    text = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in VOID:
        return Html(f"<{name}{text}>")
    return Html(f"<{name}{text}>{join(children)}</{name}>")


def table(head: Sequence[object], rows: Sequence[Html]) -> Html:
    """A table that scrolls sideways where the screen is narrow."""
    cells = tag("tr", *(tag("th", text, scope="col") for text in head))
    return tag("div", tag("table", tag("thead", cells), tag("tbody", *rows)), class_="wide", tabindex=0)


def join(children: Iterable[object]) -> Html:
    """Children one after another, escaped where need be."""
    return Html("".join(_escaped(child) for child in children if child is not None))


def script_json(value: object) -> Html:
    """A JSON document that can stand in a script element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _escaped(child: object) -> str:
    return child if isinstance(child, Html) else html.escape(str(child), quote=False)


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return "" if value is False else f' {name}="{html.escape(str(value))}"'
