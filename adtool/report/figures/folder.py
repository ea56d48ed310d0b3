"""The folder of figures: what is drawn of each category, and a list that says what each shows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adtool.core import files, names
from adtool.core.errors import UsageError
from adtool.core.words import counted
from adtool.report import truth
from adtool.report.classes import LabelledClasses
from adtool.report.figures import charts, gallery, style
from adtool.report.html.gather import CategoryView, PageInput, colour_scale, views
from adtool.report.html.results import CURVES, score_groups
from adtool.report.metrics import aupro

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIST = "figures.md"
METRIC = {
    "image_roc": ("image_auroc", "AUROC"),
    "image_pr": ("image_ap", "AP"),
    "pixel_roc": ("pixel_auroc", "AUROC"),
    "pixel_pr": ("pixel_ap", "AP"),
    "pro": ("aupro", "AUPRO"),
}
Drawn = Iterator[tuple[str, str, "Figure"]]  # name of its files, what it shows, itself


def write(folder: Path, given: PageInput) -> int:
    """Draw everything; how many figures there are.

    Raises:
        UsageError: the folder holds what is not a figure of ours.
    """
    refuse_foreign(folder)
    said = [f"# Figures of {given.data.name}", ""]
    with style.in_style():
        for view in views(given):
            for name, what, drawn in _of(view):
                style.write(drawn, folder / names.require_category(view.name) / name)
                said.append(f"* `{view.name}/{name}`: {what}")
    files.write_text(folder / LIST, "\n".join(said) + "\n")
    return len(said) - 2


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that somebody else fills.

    Raises:
        UsageError: it is not empty, and no list of figures lies in it; or it is a file.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LIST).is_file():
        raise UsageError(f"{folder} holds other files. Give an empty folder, or a new one, with --figures.")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. --figures wants a folder.")


def _of(view: CategoryView) -> Drawn:
    yield from _curves(view)
    told = []
    for judge in view.judges:
        if (
            judge.scores,
            judge.limit,
        ) in told:  # refined maps mostly keep the image scores of those they were made from
            continue
        told.append((judge.scores, judge.limit))
        groups = {name: scores for name, scores in score_groups(view, judge).items() if scores}
        if groups:
            parts = "; ".join(f"{name}: {len(scores):,}" for name, scores in groups.items())
            limit = "no limit" if judge.limit is None else f"the limit is {judge.limit:.4g}"
            yield (
                f"scores_{judge.source}",
                f"image scores in {judge.source}/ ({parts}); {limit}.",
                charts.histogram(groups, judge.limit),
            )
    for source, folder in view.classes.items():
        found = _labelled(view, {row["id"]: row["class"] for row in folder.image_rows()})
        if found.kinds:
            yield (
                f"confusion_{source}",
                f"classes in {source}/ of {counted(len(found.kinds), 'image')} against their true kinds; framed: what "
                "counts as right, one class a kind such that most images are (Hungarian method).",
                charts.confusion(found),
            )
    scales = {judge.source: colour_scale(judge, view.name) for judge in view.judges}
    drawn = gallery.draw(view, scales)
    if drawn is not None:
        known = any(view.is_known(one) for one in view.samples)
        which = "of each kind the picture with the middle image score" if known else "the highest image scores"
        yield "gallery", f"{which}, with the score and the decision; maps in one scale of colours.", drawn


def _curves(view: CategoryView) -> Drawn:
    lines = {source: report for source, report in view.reports.items() if report.curves is not None}
    for name, labels in CURVES.items():
        metric, short = METRIC[name]
        curves = {}
        for source, report in lines.items():
            value = next((one.value for one in report.figures if one.metric == metric), float("nan"))
            if report.curves is not None and name in report.curves.of:
                curves[f"{source}, {short} {value:.3f}"] = report.curves.of[name]
        if curves:
            x_max = aupro.MAX_FPR if name == "pro" else 1.0
            drawn = charts.lines((labels.x, labels.y), curves, x_max=x_max, chance=name.endswith("roc"))
            yield name, f"{labels.title}; {'; '.join(curves)}.", drawn


def _labelled(view: CategoryView, classes: dict[str, str]) -> LabelledClasses:
    samples = [one for one in truth.labelled(view.category) if one.id not in view.taught_by]
    pairs: Sequence[tuple[str, str]] = truth.assigned(samples, view.category, classes)
    return LabelledClasses([kind for kind, _ in pairs], [name for _, name in pairs], view.category.normal_kinds)
