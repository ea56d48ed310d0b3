"""What the page shows, read from the folders once: scores, limits, decisions, classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from adtool.core import layout
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder
from adtool.core.limits import evidence, limit_file
from adtool.core.steps import notes, step_run
from adtool.core.steps.note_form import StepNote
from adtool.detection import origin
from adtool.report import truth
from adtool.report.table import CategoryReport, by_source


@dataclass(frozen=True)
class PageInput:
    """What the report step hands over.

    Attributes:
        data: the data set.
        folders: of each source, by its name, in the order of the chain.
        reports: the figures, one a source and category.
        answers: by category and id, `OK` or `NOK` as a person said.
    """

    data: Dataset
    folders: Mapping[str, Path]
    reports: Sequence[CategoryReport]
    answers: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class SourceJudgement:
    """How one source judges the images of a category.

    Attributes:
        source: its name.
        folder: where its maps lie.
        scores: image score by id.
        limit: image scores above it are rejected; None where there were no normal images to set it.
        normal_scores: image scores of normal images that were held out to set the limit.
        held_out: images of `normal_scores`, in the same order, empty where they are not known any more.
        false_alarms: the share of false alarms that was asked for, None where it is not noted.
        command: what made the maps, `maps` or another step, for advice; empty for maps of others.
        same_unit: whether the image scores are in the unit of the maps.
    """

    source: str
    folder: MapsFolder
    scores: Mapping[str, float]
    limit: float | None
    normal_scores: Sequence[float]
    held_out: Sequence[Sample]
    false_alarms: float | None
    command: str
    same_unit: bool

    def rejects(self, sample: Sample) -> bool:
        """Whether an image scores above the limit; no image does where there is none."""
        return self.limit is not None and self.scores[sample.id] > self.limit

    @cached_property
    def width(self) -> float:
        """How far scores lie apart, so that distances to the limits of two categories compare."""
        values = list(self.normal_scores) or list(self.scores.values())
        return float(np.std(values)) or 1.0

    def doubt(self, sample: Sample) -> float:
        """Distance to the limit in widths: the smaller, the more doubtful. Without a limit, the lowest score last."""
        limit = max(self.scores.values()) if self.limit is None else self.limit
        return abs(self.scores[sample.id] - limit) / self.width


@dataclass(frozen=True)
class CategoryView:
    """One category: its images and what was found out about them.

    Attributes:
        category: the category.
        judges: of each source of maps, in the order of the chain; the last one decides.
        reports: its figures by source.
        classes: its discovered classes, by source.
    """

    category: Category
    judges: Sequence[SourceJudgement]
    reports: Mapping[str, CategoryReport]
    classes: Mapping[str, ClassesFolder]

    @property
    def name(self) -> str:
        """The category's name."""
        return self.category.name

    @property
    def judge(self) -> SourceJudgement | None:
        """The last source of the chain, which decides."""
        return self.judges[-1] if self.judges else None

    @cached_property
    def class_of(self) -> Mapping[str, str]:
        """The discovered class of each image, by id; of the first source of classes."""
        folder = next(iter(self.classes.values()), None)
        return {} if folder is None else {row["id"]: row["class"] for row in folder.image_rows()}

    def contradiction(self, sample: Sample) -> str:
        """Why the limit and the class of an image say different things, empty where they don't."""
        judge, name = self.judge, self.class_of.get(sample.id)
        if (
            judge is None
            or judge.limit is None
            or sample.id not in judge.scores
            or name in (None, layout.UNKNOWN_CLASS)
        ):
            return ""
        rejected, is_normal = judge.rejects(sample), name == layout.NORMAL_CLASS
        if rejected != is_normal:
            return ""
        if rejected:
            return (
                f"{layout.NOT_OK} by its score, yet in the class of the normal parts: it scores high, but what stands "
                "out looks like no defect of the other classes. Look at it."
            )
        return (
            f"{layout.OK} by its score, yet in the class {name}: the limit asks how strong a defect is, the class what "
            "it looks like. It may be a weak defect. Look at it."
        )

    @cached_property
    def samples(self) -> list[Sample]:
        """Test images that the judge has scored, highest score first."""
        judge = self.judge
        if judge is None:
            return []
        return sorted(
            (s for s in self.category.test if s.id in judge.scores), key=lambda s: (-judge.scores[s.id], s.id)
        )

    def is_known(self, sample: Sample) -> bool:
        """Whether somebody said of which kind the image is."""
        return sample.kind != layout.UNKNOWN_KIND

    @cached_property
    def good(self) -> list[Sample]:
        """Scored images known to be good, highest score first."""
        return [s for s in self.samples if self.is_known(s) and self.category.is_normal(s)]

    @cached_property
    def defective(self) -> list[Sample]:
        """Scored images known to have a defect, lowest score first."""
        return [s for s in reversed(self.samples) if self.is_known(s) and not self.category.is_normal(s)]


def views(given: PageInput) -> list[CategoryView]:
    """One view a category, sorted by name."""
    found = []
    grouped = by_source(given.reports)
    for name in sorted({report.category for report in given.reports}):
        category = given.data.category(name)
        reports = {source: one for source, group in grouped.items() for one in group if one.category == name}
        judges, classes = [], {}
        for source in reports:
            folder = ClassesFolder(given.folders[source] / name)
            if folder.classes.exists():
                classes[source] = folder
            else:
                judges.append(_judge(source, given.folders[source], category))
        found.append(CategoryView(category, judges, reports, classes))
    return found


def _judge(source: str, path: Path, category: Category) -> SourceJudgement:
    folder = MapsFolder(path)
    ids = truth.map_ids(folder, category.name)
    samples = [sample for sample in category.test if sample.id in ids]
    scores, _ = truth.image_scores(samples, category, folder)
    note = notes.note_of(path / category.name)
    normals, limit = evidence.read(path / category.name).normal_scores, limit_file.read(path / category.name)
    return SourceJudgement(
        source,
        folder,
        {sample.id: float(score) for sample, score in zip(samples, scores.scores, strict=True)},
        limit.value,
        normals,
        _held_out(path, note, category, normals),
        limit.asked if limit.rule in ("default", "false_alarms") else None,
        note.command,
        note.result.same_unit,
    )


def _held_out(path: Path, note: StepNote, category: Category, scores: Sequence[float]) -> list[Sample]:
    """The images that the limit was set on, if the model that scored them is still there."""
    models = step_run.noted_path(path, "models")
    if not scores or not models or not note.settings.detector:
        return []
    known = {sample.id: sample for sample in category.train}
    made_by = origin.of_maps(path, category.name, models).model
    usual = [models / note.settings.detector / name for name in (category.name, layout.ALL_CATEGORIES)]
    for folder in [made_by] if made_by else map(ModelFolder, usual):
        above = f"{category.name}/" if folder.category == layout.ALL_CATEGORIES else ""
        ids = {row["id"]: row["image_score"] for row in folder.normal_rows()}
        by_id = {key.removeprefix(above): text for key, text in ids.items() if key.startswith(above)}
        # Rounded alike: the table holds nine digits. Another model's scores would put the wrong images on the page.
        same = [f"{score:.6g}" for score in scores] == [f"{float(text):.6g}" for text in by_id.values()]
        if same and set(by_id) <= set(known):
            return [known[one] for one in by_id]
    return []
