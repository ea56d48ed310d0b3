"""A gallery: pictures, what was marked in them, and their maps, one column a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import AdtoolError
from adtool.report.figures import style
from adtool.report.html.gather import CategoryView, SourceJudgement
from adtool_runtime import drawing
from adtool_runtime.drawing import ColourScale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 8  # pictures
SIDE = 320  # pixels of a picture
INCHES = 0.95  # of one
LABELS = 0.55  # inches left of the rows


def chosen(view: CategoryView) -> list[Sample]:
    """Of each kind the picture with the middle score, so that nobody picks it; without labels the highest ones."""
    judge = view.judge
    if judge is None:
        return []
    kinds: dict[str, list[Sample]] = {}
    for one in sorted(view.samples, key=lambda one: (judge.scores[one.id], one.id)):
        kinds.setdefault(one.kind, []).append(one)
    if not any(view.is_known(one) for one in view.samples):
        return view.samples[:MOST]
    good = [kind for kind in sorted(kinds) if view.category.is_normal(kinds[kind][0])]
    known = [kind for kind in sorted(kinds) if kind not in good and view.is_known(kinds[kind][0])]
    return [kinds[kind][len(kinds[kind]) // 2] for kind in [*good, *known][:MOST]]


def draw(view: CategoryView, scales: Mapping[str, ColourScale]) -> "Figure | None":
    """The gallery of a category; None where none of its pictures can be read.

    Args:
        view: the category.
        scales: colours of the maps of each source.
    """
    columns = [found for one in chosen(view) if (found := _column(view, one, scales)) is not None]
    if not columns:
        return None
    has_masks = any(mask is not None for _, _, mask, _ in columns)
    names = ["image", *(["mask"] if has_masks else []), *(f"map\n({one.source})" for one in view.judges)]
    drawn = style.figure(LABELS + INCHES * len(columns), 0.3 + INCHES * len(names))
    grid = drawn.subplots(len(names), len(columns), squeeze=False)
    for number, (title, picture, mask, maps) in enumerate(columns):
        shown: list[Bytes | None] = [picture, *([mask] if has_masks else []), *maps]
        for plot, one in zip(grid[:, number], shown, strict=True):
            _show(plot, one)
        grid[0, number].set_title(title, fontsize=6)
    for plot, name in zip(grid[:, 0], names, strict=True):
        plot.set_ylabel(name, fontsize=7, rotation=0, ha="right", va="center")
    return drawn


def _column(
    view: CategoryView, one: Sample, scales: Mapping[str, ColourScale]
) -> tuple[str, Bytes, Bytes | None, list[Bytes | None]] | None:
    """Title, picture, mask and maps; None of a picture that can't be read."""
    try:
        picture = drawing.shrink(arrays.read_image(one.image, one.reading), SIDE)
        mask = None if one.mask is None else _black_and_white(view.category.masks.read(one.mask, one.image), picture)
        if mask is None and view.category.is_normal(one):
            mask = np.zeros_like(picture)
        maps = [_heat(judge, one, picture, scales) for judge in view.judges]
    except AdtoolError:
        return None
    judge = view.judge
    assert judge is not None
    verdict = "" if judge.limit is None else f" {'NOK' if judge.rejects(one) else 'OK'}"
    name = one.kind if view.is_known(one) else one.id.rsplit("/", 1)[-1]
    return f"{name}\n{judge.scores[one.id]:.3g}{verdict}", picture, mask, maps


def _heat(judge: SourceJudgement, one: Sample, picture: Bytes, scales: Mapping[str, ColourScale]) -> Bytes | None:
    if one.id not in judge.scores:
        return None
    scores: Floats = arrays.read_scores(judge.folder.scores(one.category, one.id)).scores
    return drawing.heat(picture, scores, scales[judge.source])


def _black_and_white(mask: Bools, picture: Bytes) -> Bytes:
    grey = np.repeat(mask.astype(np.uint8)[..., None] * np.uint8(255), 3, axis=2)
    return drawing.shrink(grey, max(picture.shape[:2]))


def _show(plot: "Axes", image: Bytes | None) -> None:
    plot.set(xticks=[], yticks=[])
    plot.spines[:].set_visible(False)
    if image is not None:
        plot.imshow(image)
