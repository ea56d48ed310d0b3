"""What the page shows, read from the folders once: scores, limits, decisions, classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from adtool.core import colours, layout
from adtool.core.colours import ColourScale
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder
from adtool.core.limits import evidence
from adtool.core.limits.evidence import Evidence
from adtool.core.limits.limit_file import Limit
from adtool.core.steps import notes, step_run
from adtool.core.steps.note_form import StepNote
from adtool.detection import origin
from adtool.report import decided, truth
from adtool.report.table import CategoryReport, by_source


@dataclass(frozen=True)
class PageInput:
    """What the report step hands over.

    Attributes:
        data: the data set.
        folders: of each source, by its name, in the order of the chain.
        reports: the figures, one a source and category.
        answers: by category and id, `OK` or `NOK` as a person said.
        headline: what the limits decided, in one sentence.
        unread: which pictures could not be read, in sentences.
    """

    data: Dataset
    folders: Mapping[str, Path]
    reports: Sequence[CategoryReport]
    answers: Mapping[tuple[str, str], str]
    headline: str = ""
    unread: Sequence[str] = ()


@dataclass(frozen=True)
class SourceJudgement:
    """How one source judges the images of a category.

    Attributes:
        source: its name.
        folder: where its maps lie.
        scores: image score by id.
        chosen: the limit in force, or none.
        known: what the limit was made from.
        learned: images of the normal scores in `known`, in the same order; None for one that is not known any more.
        is_ours: whether the maps are finished ones that `adtool decide` can decide on, and not bare maps of others.
        same_unit: whether the image scores are in the unit of the maps.
    """

    source: str
    folder: MapsFolder
    scores: Mapping[str, float]
    chosen: Limit
    known: Evidence
    learned: Sequence[Sample | None]
    is_ours: bool
    same_unit: bool

    @property
    def limit(self) -> float | None:
        """Image scores above it are rejected; None without one."""
        return self.chosen.value

    @property
    def odd(self) -> list[Sample]:
        """Good parts that look so odd that they did not set the limit."""
        names = set(self.chosen.made_from.outliers)
        return [sample for sample in self.learned if sample is not None and sample.id in names]

    @property
    def learned_but_rejected(self) -> list[Sample]:
        """Good parts that the limit was made from and would reject all the same, the highest score first."""
        limit, odd = self.limit, set(self.chosen.made_from.outliers)
        if limit is None:
            return []
        pairs = zip(self.known.normal_scores, self.learned, strict=False)
        above = [(score, one) for score, one in pairs if one is not None and score > limit and one.id not in odd]
        return [one for _, one in sorted(above, key=lambda pair: (-pair[0], pair[1].id))]

    def rejects(self, sample: Sample) -> bool:
        """Whether an image scores above the limit; no image does where there is none."""
        return self.limit is not None and self.scores[sample.id] > self.limit

    @cached_property
    def width(self) -> float:
        """How far scores lie apart, so that distances to the limits of two categories compare."""
        values = self.known.normal_scores or list(self.scores.values())
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
    def taught_by(self) -> frozenset[str]:
        """Ids of images that nothing is measured on, see `sources.taught_by`."""
        return frozenset(one for report in self.reports.values() for one in report.taught_by)

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
    known = evidence.read(path / category.name)
    return SourceJudgement(
        source,
        folder,
        {sample.id: float(score) for sample, score in zip(samples, scores.scores, strict=True)},
        decided.in_force(path / category.name),
        known,
        _learned(path, note, category, known),
        note.state == notes.DONE and folder.images(category.name).exists(),
        note.result.same_unit,
    )


def _learned(path: Path, note: StepNote, category: Category, known: Evidence) -> Sequence[Sample | None]:
    """The images of normal scores; of those that an earlier version noted, if the model that scored them is there."""
    here = {sample.id: sample for sample in category.train}
    if any(one.id for one in known.normals):
        return [here.get(one.id) for one in known.normals]
    return _held_out(path, note, category, known.normal_scores)


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


def colour_scale(judge: SourceJudgement, category: str) -> ColourScale:
    """The colours of the maps of a source."""
    return colours.of_maps(judge.folder, category, judge.scores, judge.limit, same_unit=judge.same_unit)
