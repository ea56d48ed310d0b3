"""Charts as inline SVG: lines and bars that read without colour as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adtool.core.words import counted
from adtool.report.curves import Curve
from adtool.report.html.markup import Html, join, tag

WIDTH, HEIGHT = 320, 250
LEFT, RIGHT, TOP, BOTTOM = 50, 16, 8, 38
INNER_W, INNER_H = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
DASHES = ("none", "7 4", "2 3", "9 3 2 3")  # a line is known by its dashes as well as by its colour
BINS = 48
MIDDLE = 0.5
ROW_TEXT = 15  # height of a row of bars that its name takes


@dataclass(frozen=True)
class ChartLabels:
    """What a chart shows, and its two axes."""

    title: str
    x: str
    y: str


def lines(labels: ChartLabels, curves: Mapping[str, Curve], *, x_max: float = 1.0, chance: bool = False) -> Html:
    """One chart of curves, all of them in [0, `x_max`] x [0, 1].

    Args:
        labels: title and axes.
        curves: by name of their source.
        x_max: right end of the x axis.
        chance: draw the diagonal that guessing would reach.
    """
    drawn: list[Html] = [_frame(labels, _ticks(x_max), _ticks(1.0), x_max)]
    if chance:
        drawn.append(_line([(0, 0), (x_max, x_max)], x_max, "chance", "1 4"))
    for number, (source, curve) in enumerate(curves.items()):
        inside = left_of(curve, x_max)
        drawn.append(_line(inside, x_max, f"line s{number % len(DASHES)}", DASHES[number % len(DASHES)]))
        drawn.append(tag("title", source))
    described = f"{labels.title}: {labels.y} against {labels.x}"
    return _figure(labels.title, drawn, described, list(curves) if len(curves) > 1 else [])


def histogram(title: str, groups: Mapping[str, Sequence[float]], limit: float | None) -> Html:
    """Image scores of groups of images, one row of bars a group, with the limit; each row has its own height."""
    values = np.array([value for scores in groups.values() for value in scores])
    low, high = _range(np.append(values, limit) if limit is not None else values)
    edges = np.linspace(low, high, BINS + 1)
    labels = ChartLabels(title, "anomaly score", "number of parts")
    drawn = [_axes(labels, [(share, f"{low + share * (high - low):.3g}") for share in (0, 0.25, 0.5, 0.75, 1)], [])]
    row = INNER_H / len(groups)
    for number, (name, scores) in enumerate(groups.items()):
        counts = np.histogram(scores, edges)[0]
        bottom, peak = TOP + (number + 1) * row, int(counts.max())
        tall = row - ROW_TEXT
        bars = [_bar(i, n / peak * tall, bottom) for i, n in enumerate(counts.tolist()) if n]
        drawn.append(tag("line", x1=LEFT, x2=LEFT + INNER_W, y1=f"{bottom:.1f}", y2=f"{bottom:.1f}", class_="grid"))
        drawn.append(tag("g", *bars, class_=f"bars s{number}"))
        drawn.append(tag("text", peak, x=LEFT - 6, y=f"{bottom - tall + 8:.1f}", text_anchor="end"))
        said = f"{name} ({len(scores):,})"
        left = limit is None or (limit - low) / (high - low) > MIDDLE  # the name stands clear of the limit's line
        place = {"x": LEFT + 4} if left else {"x": LEFT + INNER_W - 4, "text_anchor": "end"}
        drawn.append(tag("text", said, y=f"{bottom - row + 11:.1f}", class_="row", **place))
    if limit is not None:
        x = f"{LEFT + (limit - low) / (high - low) * INNER_W:.1f}"
        drawn.append(tag("line", x1=x, x2=x, y1=TOP, y2=TOP + INNER_H, class_="limit"))
    described = f"{title}: " + "; ".join(f"{name}: {counted(len(scores), 'part')}" for name, scores in groups.items())
    return _figure(f"{title}, and the limit (dashed)" if limit is not None else title, drawn, described, [])


def _figure(title: str, drawn: Sequence[Html], described: str, legend: Sequence[str]) -> Html:
    svg = tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=described)
    items = [tag("li", _key(number), " ", name) for number, name in enumerate(legend)]
    return tag(
        "figure",
        tag("figcaption", title),
        svg,
        tag("ul", *items, class_="legend") if items else None,
        class_="chart",
    )


def _key(number: int) -> Html:
    dash = DASHES[number % len(DASHES)]
    line = tag("path", d="M0 6H26", class_=f"line s{number % len(DASHES)}", stroke_dasharray=dash)
    return tag("svg", line, viewBox="0 0 26 12", width=26, height=12, class_="key", aria_hidden="true")


def _frame(labels: ChartLabels, x_ticks: Sequence[float], y_ticks: Sequence[float], x_max: float) -> Html:
    return _axes(labels, [(v / x_max, f"{v:g}") for v in x_ticks], [(v, f"{v:g}") for v in y_ticks])


def _axes(labels: ChartLabels, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]]) -> Html:
    drawn = []
    for share, text in x_ticks:
        x = round(LEFT + share * INNER_W, 1)
        drawn.append(tag("line", x1=x, x2=x, y1=TOP, y2=TOP + INNER_H, class_="grid"))
        drawn.append(tag("text", text, x=x, y=TOP + INNER_H + 14, text_anchor="middle"))
    for share, text in y_ticks:
        y = round(TOP + (1 - share) * INNER_H, 1)
        drawn.append(tag("line", x1=LEFT, x2=LEFT + INNER_W, y1=y, y2=y, class_="grid"))
        drawn.append(tag("text", text, x=LEFT - 6, y=y + 4, text_anchor="end"))
    middle = TOP + INNER_H / 2
    drawn.append(tag("text", labels.x, x=LEFT + INNER_W / 2, y=HEIGHT - 6, text_anchor="middle", class_="axis"))
    turned = f"rotate(-90 12 {middle:g})"
    drawn.append(tag("text", labels.y, x=12, y=f"{middle:g}", text_anchor="middle", transform=turned, class_="axis"))
    return join(drawn)


def _ticks(top: float) -> list[float]:
    return [round(top * share, 4) for share in (0, 1 / 3, 2 / 3, 1)] if top < 1 else [0, 0.25, 0.5, 0.75, 1]


def left_of(curve: Curve, x_max: float) -> list[tuple[float, float]]:
    """The part of a curve left of `x_max`, up to its very edge."""
    points = [(float(x), float(y)) for x, y in zip(curve.x, curve.y, strict=True) if x <= x_max]
    if points and points[-1][0] < x_max <= curve.x[-1]:
        points.append((x_max, float(np.interp(x_max, curve.x, curve.y))))
    return points


def _line(points: Sequence[tuple[float, float]], x_max: float, class_: str, dash: str) -> Html:
    at = [f"{LEFT + x / x_max * INNER_W:.1f} {TOP + (1 - y) * INNER_H:.1f}" for x, y in points]
    return tag("path", d="M" + "L".join(at), class_=class_, stroke_dasharray=dash)


def _bar(index: int, height: float, bottom: float) -> Html:
    slot, height = INNER_W / BINS, max(height, 1.0)  # one part among thousands is still seen
    return tag(
        "rect",
        x=f"{LEFT + index * slot:.1f}",
        y=f"{bottom - height:.1f}",
        width=f"{slot - 0.6:.1f}",
        height=f"{height:.1f}",
    )


def _range(values: "np.typing.NDArray[np.float64]") -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
