"""What can be said of images that nobody labelled: how many, how many are rejected, which classes they fell into."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from adtool.core import layout
from adtool.core.dataset.types import Category
from adtool.core.layout import MapsFolder
from adtool.core.words import counted
from adtool.report.table import CategoryReport
from adtool_runtime.decision import decision

REASON = "no labels (the kind of every image is unknown)"
LACKING = ("images_without_map", "images_without_class")


def of_maps(folder: MapsFolder, category: Category, ids: set[str], limit: float | None) -> dict[str, Any]:
    """Facts about maps.

    Raises:
        BadDataError: the table of image scores is damaged.
    """
    rows = folder.image_rows(category.name) if folder.images(category.name).exists() else []
    decided = [row["decision"] if limit is None else decision(float(row["image_score"]), limit) for row in rows]
    return {
        "images": len(ids),
        "images_without_label": len(category.test),
        "images_without_map": len(category.test) - len(ids),
        "rejected": decided.count(layout.NOT_OK) if any(decided) else None,
        "limit": limit,
    }


def of_classes(classes: Mapping[str, str], category: Category) -> dict[str, Any]:
    """Facts about classes, by the id of each image."""
    sizes = Counter(classes.values())
    return {
        "images": len(classes),
        "images_without_label": len(category.test),
        "images_without_class": sum(sample.id not in classes for sample in category.test),
        "sizes": {name: sizes[name] for name in sorted(sizes, key=lambda name: (name != layout.NORMAL_CLASS, name))},
    }


def is_one(report: CategoryReport) -> bool:
    """Whether a report is about images without labels."""
    return "rejected" in report.facts or "sizes" in report.facts


def sentence(report: CategoryReport) -> str:
    """The facts in words."""
    facts = report.facts
    said = [f"{report.source}/{report.category}: {counted(facts['images'], 'image')} without labels"]
    if "sizes" in facts:
        said.append(f"{counted(len(facts['sizes']), 'class')} ({_listed(facts['sizes'])})")
    elif facts["rejected"] is None:
        said.append("no limit, so no OK or NOK")
    else:
        limit = "" if facts["limit"] is None else f" at the limit {facts['limit']!r}"
        said.append(f"{facts['rejected']} NOK{limit}")
    lacking = [f"{facts[name]} {name.replace('_', ' ')}" for name in LACKING if facts.get(name)]
    return ", ".join(said) + (f"; {', '.join(lacking)}." if lacking else ".")


def rows(reports: Sequence[CategoryReport]) -> list[dict[str, object]]:
    """Rows for a person, one a source and category."""
    found: list[dict[str, object]] = []
    for report in reports:
        row: dict[str, object] = {"source": report.source, "category": report.category}
        row["images"] = report.facts["images"]
        if "sizes" in report.facts:
            row["result"] = _listed(report.facts["sizes"])
        else:
            row["result"] = _decided(report.facts)
        found.append(row)
    return found


def _decided(facts: Mapping[str, Any]) -> str:
    if "rejected" not in facts:  # there are labels, but no figure can be computed from them
        return "no metric"
    return "no limit" if facts["rejected"] is None else f"{facts['rejected']} NOK"


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sizes.items())
