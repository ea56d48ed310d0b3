"""Figures of a category of classes: of its images, and of the regions where these were what got a class."""

from collections.abc import Collection, Sequence
from typing import Any

from adtool.core import json_files
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import AdtoolError
from adtool.core.layout import ClassesFolder
from adtool.core.model_cards import ClassesCard
from adtool.report import sources, table, truth, unlabelled
from adtool.report.classes import LabelledClasses
from adtool.report.sources import ReportSource
from adtool.report.table import CategoryReport, Figure

LEVEL, REGIONS = "classes", "regions"
REMEDY = "Run `adtool discover --force`."
NO_MASKS = "no masks, so no region has a kind"


def measure(source: ReportSource, category: Category, taught_by: Collection[str]) -> CategoryReport:
    """The figures of a finished category.

    Args:
        source: the folder.
        category: of the data set.
        taught_by: ids of images that nothing is measured on.

    Raises:
        BadDataError: the classes are of other images, or damaged.
    """
    folder = ClassesFolder(source.path / category.name)
    classes = {row["id"]: row["class"] for row in folder.image_rows()}
    truth.require_known(classes, category, folder.path)
    known = truth.labelled(category)
    if not known:
        figures = table.measure(LEVEL, None, unless=unlabelled.REASON)
        return CategoryReport(source.name, category.name, figures, unlabelled.of_classes(classes, category))
    combined = {sample.id for sample in known if category.is_combined(sample)}
    untaught = [sample for sample in known if sample.id not in taught_by]
    pairs = truth.assigned(untaught, category, classes)
    images = LabelledClasses([kind for kind, _ in pairs], [name for _, name in pairs], category.normal_kinds)
    facts: dict[str, Any] = {
        "images": len(pairs),
        "kinds": len(set(images.kinds)),
        "classes": len(set(images.classes)),
        "images_without_label": len(category.test) - len(known),
        "images_without_class": sum(s.id not in classes and s.id not in combined for s in category.test),
        "combined_left_out": len(combined),
        "answered_or_added_left_out": sum(s.id in taught_by and s.id in classes for s in known),
    }
    stamp = sources.oracles(source.path, category.name)
    figures = table.measure(LEVEL, images, stamp=stamp)
    more, of_regions = _regions(untaught, category, folder, stamp)
    return CategoryReport(source.name, category.name, [*figures, *more], {**facts, **of_regions})


def _regions(
    samples: Sequence[Sample], category: Category, folder: ClassesFolder, stamp: str
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and facts of the regions; none where images got their class as a whole.

    What is wrong with a mask, which the figures of images do not need, is the reason for which these are missing.
    """
    try:
        if not folder.card.exists() or json_files.read(folder.card, ClassesCard, REMEDY).features != "crops":
            return [], {}
        masked = [one for one in samples if one.mask is not None or category.is_normal(one)]
        if all(one.mask is None for one in masked):
            return table.measure(REGIONS, None, unless=NO_MASKS), {}
        found = truth.regions(masked, category, folder)
    except AdtoolError as error:
        return table.measure(REGIONS, None, unless=str(error)), {}
    facts = {
        "regions": len(found.kinds),
        "regions_on_masks": int(found.is_defect.sum()),
        "defect_images_without_mask": len(samples) - len(masked),
    }
    return table.measure(REGIONS, found, stamp=stamp), facts
