"""report: metrics of finished folders.

Reads  maps/, refined/, classes/ (or the folders named), and the data set they were made from
Writes report/metrics.csv, report/metrics.json

A report is computed anew each time, which takes seconds, so that it always shows what the folders hold.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adtool.core import files, layout, progress, step
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.sample import Category, Dataset, read_dataset
from adtool.report import table, truth
from adtool.report.classes import Classes
from adtool.report.config import ReportConfig
from adtool.report.pixels import Pixels
from adtool.report.table import CategoryReport

COMMAND = "report"
NO_LABELS = "no labels (the kind of every image is unknown)"
MEGA = 1e6

log = logging.getLogger("adtool")


@dataclass
class Report(step.Outcome):  # the one subclass: shown like every outcome, but as JSON it is metrics.json
    """What was measured."""

    document: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The content of metrics.json, and what failed."""
        return {**self.document, "failed": {name: str(error) for name, error in self.failed.items()}}


@dataclass(frozen=True)
class Source:
    """A folder to report on."""

    name: str
    path: Path
    categories: tuple[str, ...]


def run(config: ReportConfig) -> Report:
    """Measure every category of every source; one that fails does not stop the others.

    Raises:
        MissingInputError: there is nothing to report on.
        BadDataError: the sources were made from different data sets, or none of them fits.
    """
    step.StepRun(COMMAND, config.out)  # refuses a folder that is not ours
    result = Report(COMMAND, config.out)
    data = read_dataset(_data(config))
    reports = []
    for source in _sources(config, data, result):
        for name in source.categories:
            try:
                reports.append(_measure(source, data.category(name), data, config))
            except AdtoolError as error:
                result.failed[f"{source.name}/{name}"] = error
                log.error("%s/%s: %s", source.name, name, error)
            else:
                result.done.append(f"{source.name}/{name}")
    if not reports:
        result.raise_failures()
    _describe(result, reports, data, config)
    _write(result, reports, config)
    return result


def _data(config: ReportConfig) -> Path:
    """The data set: given, else the one that the sources name, else data/."""
    if config.data is not None:
        return config.data
    notes = {folder: step.read_note(folder) or {} for folder in _folders(config)}
    noted = {folder: step.noted_data(folder, None) for folder, note in notes.items() if note.get("data")}
    if len({path.resolve() for path in noted.values()}) > 1:
        listed = ", ".join(f"{folder} from {path}" for folder, path in noted.items())
        raise BadDataError(f"The folders were made from different data sets: {listed}. Report on them one by one.")
    return next(iter(noted.values()), Path(layout.DATA))


def _folders(config: ReportConfig) -> list[Path]:
    chain = (Path(layout.MAPS), Path(layout.REFINED), Path(layout.CLASSES))
    folders = list(config.folders) or [folder for folder in chain if step.done_categories(folder)]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise MissingInputError(f"No folder at {', '.join(missing)}. Name folders that `adtool maps` or others wrote.")
    if not folders:
        raise MissingInputError(
            "Nothing to report on: none of maps/, refined/ and classes/ has a finished category. "
            "Run `adtool maps` first."
        )
    return folders


def _sources(config: ReportConfig, data: Dataset, result: Report) -> list[Source]:
    """The finished categories of each folder; what is not finished is noted."""
    folders = _folders(config)
    names = [folder.resolve().name for folder in folders]
    found = []
    for folder, name in zip(folders, names, strict=True):
        if (folder / layout.STEP_FILE).exists():
            there = step.done_categories(folder)
            states = {sub.name: step.read_note(sub) for sub in sorted(folder.iterdir()) if sub.is_dir()}
            for category, note in states.items():
                if note and category not in there:
                    result.notes.append(f"{folder}/{category} is left out: it is not finished ({note.get('state')}).")
        else:  # maps that someone else wrote: a folder a category is all we ask
            there = [category for category in sorted(data.categories) if (folder / category).is_dir()]
        chosen = tuple(category for category in there if not config.category or category in config.category)
        found.append(Source(name if names.count(name) == 1 else folder.as_posix(), folder, chosen))
    if not any(source.categories for source in found):
        wanted = " or ".join(config.category or sorted(data.categories))
        raise MissingInputError(
            f"Nothing to report on: no finished category {wanted} in {', '.join(str(folder) for folder in folders)}."
        )
    return found


def _measure(source: Source, category: Category, data: Dataset, config: ReportConfig) -> CategoryReport:
    folder = source.path / category.name
    note = step.read_note(folder) or {}
    step.check_same_data(note, category.fingerprint(), folder, data.path)
    if ClassesFolder(folder).classes.exists():
        return _measure_classes(source, category)
    return _measure_maps(source, category, data, config)


def _measure_maps(source: Source, category: Category, data: Dataset, config: ReportConfig) -> CategoryReport:
    folder = MapsFolder(source.path)
    ids = truth.map_ids(folder, category.name)
    truth.require_known(ids, category, source.path / category.name)
    if not ids:
        raise MissingInputError(f"{source.path / category.name} holds no map (.tiff). Run `adtool maps --force`.")
    known = truth.labelled(category)
    samples = [sample for sample in known if sample.id in ids]
    masked = [sample for sample in samples if sample.mask or category.is_normal(sample)]
    scores, rule = truth.image_scores(samples, category, folder)
    pairs = truth.pairs(masked, category, folder, mask_rule=data.mask_rule, eval_size=config.eval_size)
    label = f"report {source.name}/{category.name}"
    pixels = Pixels.of(progress.track(pairs, label, total=len(masked)))
    unless = "" if known else NO_LABELS
    facts: dict[str, Any] = {
        "images": len(samples),
        "defect_images": int(scores.is_defect.sum()),
        "images_without_label": len(category.test) - len(known),
        "images_without_map": len(category.test) - len(ids),
        "defect_images_without_mask": len(samples) - len(masked),
        "masks_without_image": len(category.stray_masks),
        "regions": pixels.n_regions,
        "pixels": pixels.n_pixels,
        "tie_share": None if math.isnan(pixels.tie_share) else pixels.tie_share,
        "image_score_rule": rule or _noted(source, category, "image_score_rule") or "not recorded",
    }
    figures = table.measure("image", scores, unless=unless)
    figures += table.measure("pixel", pixels, unless=unless, stamp=f"at {_size(config)}")
    return CategoryReport(source.name, category.name, figures, facts)


def _measure_classes(source: Source, category: Category) -> CategoryReport:
    folder = ClassesFolder(source.path / category.name)
    classes = {row["id"]: row["class"] for row in folder.image_rows()}
    truth.require_known(classes, category, folder.path)
    known = truth.labelled(category)
    pairs = truth.assigned(known, classes)
    images = Classes([kind for kind, _ in pairs], [name for _, name in pairs], category.normal_kinds)
    facts: dict[str, Any] = {
        "images": len(pairs),
        "kinds": len(set(images.kinds)),
        "classes": len(set(images.classes)),
        "images_without_label": len(category.test) - len(known),
        "images_without_class": sum(sample.id not in classes for sample in category.test),
        "combined_left_out": sum(s.kind == layout.COMBINED_KIND and s.id in classes for s in known),
    }
    # A number of classes taken from the folders is knowledge of the labels (README, "Labels").
    stamp = "number of classes is an oracle" if _noted(source, category, "classes") == "oracle" else ""
    figures = table.measure("classes", images, unless="" if known else NO_LABELS, stamp=stamp)
    return CategoryReport(source.name, category.name, figures, facts)


def _noted(source: Source, category: Category, name: str) -> str:
    """What the source's note says about itself, empty if nothing."""
    note = step.read_note(source.path / category.name) or {}
    parts = (note.get("result") or {}, note.get("settings") or {})
    return next((str(part[name]) for part in parts if part.get(name) is not None), "")


def _describe(result: Report, reports: Sequence[CategoryReport], data: Dataset, config: ReportConfig) -> None:
    """Say what the figures rest on, and why some are missing."""
    rule = truth.MASK_RULES.get(data.mask_rule, data.mask_rule)
    result.rows = table.shown_rows(reports)
    result.notes += [_sentence(report) for report in reports]
    if any("pixels" in report.facts for report in reports):
        result.notes.append(f"Defect pixels: {rule}. Pixel metrics at {_size(config)}.")
    result.notes += table.gaps(reports)
    result.document = {
        "command": COMMAND,
        "data": step.relative(data.path),
        "mask_rule": rule,
        "eval_size": config.eval_size or "mask",
        "sources": table.document(reports),
        "notes": result.notes,
    }


def _size(config: ReportConfig) -> str:
    return f"{config.eval_size} x {config.eval_size} pixels" if config.eval_size else "the size of each mask"


def _sentence(report: CategoryReport) -> str:
    facts = report.facts
    said = [f"{facts['images']} images"]
    if "pixels" in facts:
        said += [f"{facts['regions']} regions", f"{facts['pixels'] / MEGA:.1f} M pixels"]
        said += [f"tie share {facts['tie_share']:.1e}"] if facts["tie_share"] is not None else []
        said += [f"image score: {facts['image_score_rule']}"]
    else:
        said += [f"{facts['kinds']} kinds", f"{facts['classes']} classes"]
    left = [
        f"{facts[name]} {name.replace('_', ' ')}"
        for name in facts
        if ("without" in name or "left_out" in name) and facts[name]
    ]
    return f"{report.source}/{report.category}: {', '.join(said)}" + (f"; {', '.join(left)}." if left else ".")


def _write(result: Report, reports: Sequence[CategoryReport], config: ReportConfig) -> None:
    note: dict[str, object] = {
        "command": COMMAND,
        "settings": config.model_dump(mode="json"),
        "sources": result.done,
    }
    files.write_json(config.out / layout.STEP_FILE, {**note, "state": step.RUNNING})
    files.write_csv(config.out / "metrics.csv", layout.METRICS_COLUMNS, table.csv_rows(reports))
    files.write_json(config.out / "metrics.json", result.as_json())
    files.write_json(config.out / layout.STEP_FILE, {**note, "state": step.DONE})
