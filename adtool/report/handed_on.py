"""What a worker measured, as JSON, for the process that writes the report: every number comes back as it was."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core.dataset.types import Category
from adtool.core.limits.limit_file import Limit
from adtool.core.limits.part_counts import DecidedParts, PartCounts
from adtool.core.masks.mask_levels import PaintedLevels
from adtool.core.masks.mask_reader import MaskReader, MaskRule
from adtool.report.curves import Curve, Curves
from adtool.report.table import CategoryReport, Figure


def of_report(report: CategoryReport) -> dict[str, object]:
    """The figures of a category, as `report` reads them."""
    drawn = report.curves
    return {
        "source": report.source,
        "category": report.category,
        "figures": [asdict(figure) for figure in report.figures],
        "facts": dict(report.facts),
        "curves": drawn
        and {"of": {k: [c.x.tolist(), c.y.tolist()] for k, c in drawn.of.items()}, "unless": drawn.unless},
        "decided": report.decided
        and {"limit": report.decided.limit.model_dump(), "counts": asdict(report.decided.counts)},
        "taught_by": sorted(report.taught_by),
    }


def report(values: Mapping[str, Any]) -> CategoryReport:
    """What `of_report` wrote."""
    drawn, decided = values["curves"], values["decided"]
    return CategoryReport(
        values["source"],
        values["category"],
        [Figure(**figure) for figure in values["figures"]],
        values["facts"],
        drawn and Curves({k: Curve(np.array(x), np.array(y)) for k, (x, y) in drawn["of"].items()}, drawn["unless"]),
        decided and DecidedParts(Limit.model_validate(decided["limit"]), PartCounts(**decided["counts"])),
        frozenset(values["taught_by"]),
    )


def of_masks(category: Category) -> dict[str, object] | None:
    """What was decided of a category's masks, and which are in doubt; None if none was asked for."""
    if not category.knows_masks:
        return None
    return {"decision": asdict(category.masks.decision), "doubtful": sorted(map(str, category.masks.doubtful))}


def masks(values: Mapping[str, Any], category: Category) -> MaskReader:
    """What `of_masks` wrote, as what reads the category's masks."""
    decision = values["decision"]
    rule = MaskRule(
        decision["rule"],
        _levels(decision["exact"]),
        _levels(decision["lossy"]),
        tuple((way, number) for way, number in decision["by"]),
    )
    doubtful = {Path(one) for one in values["doubtful"]}
    return MaskReader(rule, category.mask_orientation, category.reading.upright, doubtful)


def _levels(values: Mapping[str, Any]) -> PaintedLevels:
    return PaintedLevels(tuple(values["levels"]), values["top"], values["is_soft"])
