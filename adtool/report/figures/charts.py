"""Curves, histograms of scores with the limit, and the confusion of classes against kinds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adtool.report.classes import LabelledClasses
from adtool.report.curves import Curve
from adtool.report.figures import style
from adtool.report.html.charts import left_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 40
HEIGHT = 2.5  # inches, of a curve
ROW, CELL = 0.62, 0.36  # inches: of a row of bars, of a cell of a table
DARK = 0.55  # share above which a cell's number is white
TINY = 1e-9


def lines(axes: tuple[str, str], curves: Mapping[str, Curve], *, x_max: float = 1.0, chance: bool = False) -> "Figure":
    """One chart of curves, all of them in [0, `x_max`] x [0, 1].

    Args:
        axes: what is drawn to the right, and upwards.
        curves: by what the legend says of each.
        x_max: right end of the x axis.
        chance: draw the diagonal that guessing would reach.
    """
    drawn = style.figure(style.COLUMN_INCHES, HEIGHT)
    plot = drawn.subplots()
    if chance:
        plot.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=(0, (1, 3)))
    for number, (name, curve) in enumerate(curves.items()):
        x, y = zip(*left_of(curve, x_max), strict=True)
        plot.plot(x, y, label=name, clip_on=False, **style.line_of(number))  # so that one along the border is whole
    plot.set(xlim=(0, x_max), ylim=(0, 1), xlabel=axes[0], ylabel=axes[1])
    plot.legend(loc="best")
    return drawn


def histogram(groups: Mapping[str, Sequence[float]], limit: float | None) -> "Figure":
    """Image scores of groups of parts, one row a group, each with its own height, and the limit across them."""
    values = np.array([value for scores in groups.values() for value in scores] + ([] if limit is None else [limit]))
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, max(high, low + TINY), BINS + 1)
    drawn = style.figure(style.COLUMN_INCHES, 0.6 + ROW * len(groups))
    rows = np.atleast_1d(drawn.subplots(len(groups), 1, sharex=True))
    for number, (plot, (name, scores)) in enumerate(zip(rows, groups.items(), strict=True)):
        plot.hist(scores, edges, color=style.COLOURS[number % len(style.COLOURS)], linewidth=0)
        plot.set_title(f"{name} ({len(scores):,})", loc="left", fontsize=7, pad=2)
        plot.locator_params(axis="y", nbins=3, integer=True)
        if limit is not None:
            plot.axvline(limit, color="black", linewidth=0.9, linestyle="--")
    if limit is not None:
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        rows[0].annotate(f"limit {limit:.4g}", (limit, 1), xytext=(3, -7), fontsize=7, **place)
    rows[-1].set_xlabel("image score")
    return drawn


def confusion(found: LabelledClasses) -> "Figure":
    """How many images of each kind (rows) are in each class (columns); the cells that count as right are framed."""
    from matplotlib.patches import Rectangle

    kinds = sorted(set(found.kinds), key=lambda kind: (kind not in found.normal_kinds, kind))
    order = {kind: number for number, kind in enumerate(kinds)}
    classes = sorted(set(found.classes), key=lambda name: (order.get(found.matching.get(name, ""), len(order)), name))
    counts = np.zeros((len(kinds), len(classes)), int)
    for kind, name in zip(found.kinds, found.classes, strict=True):
        counts[kinds.index(kind), classes.index(name)] += 1
    drawn = style.figure(max(style.COLUMN_INCHES, 1.4 + CELL * len(classes)), 0.8 + CELL * len(kinds))
    plot = drawn.subplots()
    shares = counts / counts.sum(axis=1, keepdims=True)
    plot.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > DARK else "black"
            plot.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=7)
        if found.matching.get(classes[column]) == kinds[row]:
            plot.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=style.COLOURS[1], lw=1.2, clip_on=False
                )
            )
    plot.set_xticks(range(len(classes)), classes, rotation=45 if len(classes) > len("abcdef") else 0)
    plot.set_yticks(range(len(kinds)), kinds)
    plot.set(xlabel="discovered class", ylabel="true kind")
    plot.spines[:].set_visible(False)
    plot.tick_params(length=0)
    return drawn
