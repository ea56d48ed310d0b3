"""Measure a finished category of a source: what the report step, or a worker of it, does for each of them."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adtool.core import progress
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import MissingInputError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.limits.limit_file import Limit
from adtool.core.map_source import check_same_reading
from adtool.core.steps import notes, step_run
from adtool.metrics.pixels import Pixels
from adtool.report import class_figures, curves, decided, sources, table, truth, unlabelled
from adtool.report.config import ReportConfig
from adtool.report.sources import ReportSource
from adtool.report.table import CategoryReport

GIGA = 2**30


@dataclass(frozen=True)
class Measurable:
    """A category of a source, before it is measured.

    Attributes:
        source: the folder.
        category: with its pictures looked at as those were that the folder was made from.
        data: the data set that it is of.
        taught_by: ids of images that nothing is measured on.
    """

    source: ReportSource
    category: Category
    data: Dataset
    taught_by: frozenset[str]

    @classmethod
    def of(cls, chain: Sequence[ReportSource], source: ReportSource, name: str, data: Dataset) -> "Measurable":
        """A category by its name.

        Args:
            chain: all sources.
            source: one of them.
            name: of the category.
            data: the data set.

        Raises:
            AdtoolError: the folder is damaged, or the data set has no such category.
        """
        taught_by = sources.taught_by(chain, name)
        return cls(source, sources.as_looked_at(source, data.category(name)), data, taught_by)


def measure(given: Measurable, config: ReportConfig) -> CategoryReport:
    """All figures of a category of a source.

    Raises:
        AdtoolError: it can't be measured.
    """
    found = _measure(given.source, given.category, given.data, config, given.taught_by)
    return replace(found, taught_by=given.taught_by)


def _measure(
    source: ReportSource, category: Category, data: Dataset, config: ReportConfig, taught_by: Collection[str]
) -> CategoryReport:
    folder = source.path / category.name
    note = notes.note_of(folder)
    step_run.check_same_data(note, category.fingerprint(), folder, data.path)
    check_same_reading(note, category.reading, folder)
    if ClassesFolder(folder).classes.exists():
        return class_figures.measure(source, category, taught_by)
    return _measure_maps(source, category, data, config, taught_by)


def _measure_maps(
    source: ReportSource, category: Category, data: Dataset, config: ReportConfig, taught_by: Collection[str]
) -> CategoryReport:
    folder = MapsFolder(source.path)
    ids = truth.map_ids(folder, category.name)
    truth.require_known(ids, category, source.path / category.name)
    if not ids:
        raise MissingInputError(f"{source.path / category.name} holds no map (.tiff). Run `adtool maps --force`.")
    known = truth.labelled(category)
    limit = decided.in_force(source.path / category.name)
    if not known:
        return _unlabelled_maps(source, category, ids, config, limit)
    labelled = [sample for sample in known if sample.id in ids and sample.id not in taught_by]
    samples = [sample for sample in labelled if truth.is_looked_at(sample, category)]
    masked = [sample for sample in samples if sample.mask or category.is_normal(sample)]
    scores, rule = truth.image_scores(samples, category, folder)
    scores = replace(scores, limit=limit.value)
    pairs = truth.pairs(masked, category, folder, eval_size=config.eval_size)
    label = f"report {source.name}/{category.name}"
    shown = progress.track(pairs, label, total=len(masked))
    pixels = Pixels.of(shown, limit_bytes=int(config.memory_gb * GIGA), folder=config.out)
    facts: dict[str, Any] = {
        "images": len(samples),
        "defect_images": int(scores.is_defect.sum()),
        "images_without_label": len(category.test) - len(known),
        "images_without_map": len(category.test) - len(ids),
        "defect_images_without_mask": len(samples) - len(masked),
        "masks_without_image": len(category.stray_masks),
        "answered_or_added_left_out": sum(sample.id in taught_by and sample.id in ids for sample in known),
        "defects_not_looked_at_left_out": len(labelled) - len(samples),
        "limit": limit.value,
        "regions": pixels.n_regions,
        "pixels": pixels.n_pixels,
        "tie_share": None if math.isnan(pixels.tie_share) else pixels.tie_share,
        "image_score_rule": rule or notes.result_of(source.path / category.name).image_score_rule or "not recorded",
    }
    oracle = sources.oracles(source.path, category.name)
    figures = table.measure("image", scores, stamp=oracle)
    figures += table.measure("pixel", pixels, stamp=f"at {size(config)}{oracle and ', '}{oracle}")
    drawn = curves.draw(scores, pixels) if config.draws_curves else None
    return CategoryReport(source.name, category.name, figures, facts, drawn, decided.of(scores, limit))


def _unlabelled_maps(
    source: ReportSource, category: Category, ids: set[str], config: ReportConfig, limit: Limit
) -> CategoryReport:
    facts = unlabelled.of_maps(MapsFolder(source.path), category, ids, limit.value)
    figures = [one for level in ("image", "pixel") for one in table.measure(level, None, unless=unlabelled.REASON)]
    nothing, _ = truth.image_scores([], category, MapsFolder(source.path))
    drawn = curves.draw(nothing, Pixels.of([])) if config.draws_curves else None  # which says why there are none
    what = decided.of_unlabelled(facts["images"], facts["rejected"], limit)
    return CategoryReport(source.name, category.name, figures, facts, drawn, what)


def size(config: ReportConfig) -> str:
    """The size that pixel metrics are taken at, in words."""
    return f"{config.eval_size} x {config.eval_size} pixels" if config.eval_size else "the size of each mask"
