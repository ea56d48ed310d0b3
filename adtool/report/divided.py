"""report --workers N: workers measure some categories each; the report is written from what they hand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category
from adtool.core.errors import AdtoolError
from adtool.core.outcome import Outcome
from adtool.core.shards import jobs
from adtool.core.shards.jobs import Crew, Job, Results, Task
from adtool.report import handed_on, sources
from adtool.report.config import ReportConfig
from adtool.report.measuring import Measurable, measure
from adtool.report.sources import ReportSource
from adtool.report.table import CategoryReport

TASKS = 4  # of a worker: each reads the data set once more, and one that has much to do keeps the others waiting less


@dataclass
class Handed:
    """What workers handed on, by source and category.

    Attributes:
        reports: figures, or why there are none.
        masks: by category, what was seen of them.
    """

    reports: dict[tuple[str, str], CategoryReport | AdtoolError] = field(default_factory=dict)
    masks: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, source: str, category: str) -> CategoryReport | AdtoolError:
        """The figures of a category of a source, or why there are none."""
        return self.reports[source, category]

    def knowing(self, category: Category) -> Category:
        """A category with what a worker decided of its masks, so that nobody decides it again."""
        found = self.masks.get(category.name)
        return category if found is None else category.knowing_masks(handed_on.masks(found, category))


def measured(config: ReportConfig, chain: Sequence[ReportSource], crew: Crew) -> Handed:
    """Let workers measure all finished categories; one that fails does not stop the others."""
    names = sorted({name for source in chain for name in source.categories})
    shares = shared(names, crew.count * TASKS)
    tasks = [Task(f"of {', '.join(one)}", {"category": tuple(one)}, _words(one)) for one in shares]
    each = config.model_copy(update={"memory_gb": config.memory_gb / crew.count})
    job = Job("adtool.report.divided", each, "report", 0, tasks=tasks, out=config.out)
    results = crew.run(job)
    found = Handed()
    for share, task in zip(shares, tasks, strict=True):
        places = [(source.name, name) for source in chain for name in source.categories if name in share]
        _keep(found, results, task, places)
    return found


def shared(names: Sequence[str], count: int) -> list[list[str]]:
    """Names in at most so many shares, none of them empty, as even as can be."""
    count = min(count, len(names))
    return [list(names[start::count]) for start in range(count)]


def _words(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--category", name)]


def _keep(found: Handed, results: Results, task: Task, places: Sequence[tuple[str, str]]) -> None:
    """Keep what became of a task."""
    if task.name in results.failed:
        found.reports |= dict.fromkeys(places, results.failed[task.name])
        return
    for row in results.done[task.name]["rows"]:
        place = row["source"], row["category"]
        if "error" in row:
            found.reports[place] = jobs.error_of(row["code"], row["error"])
        else:
            found.reports[place] = handed_on.report(row["report"])
        if row["masks"] is not None:
            found.masks.setdefault(row["category"], row["masks"])


def run(config: ReportConfig, *, force: bool = False) -> Outcome:
    """What a worker does: measure the categories that it is told, and hand on figures, or why there are none."""
    folders = sources.folders(config.folders)
    path = sources.noted_data(folders) if config.data is None else config.data
    data = read_dataset(path, is_quiet=True)  # what is to be said of it was said
    chain = sources.find(folders, data, config.category)
    outcome, seen = Outcome("report", config.out), dict[str, Category]()
    for source in chain:
        for name in source.categories:
            row: dict[str, Any] = {"source": source.name, "category": name}
            try:
                given = Measurable.of(chain, source, name, data)
                seen.setdefault(name, given.category)
                row["report"] = handed_on.of_report(measure(given, config))
            except AdtoolError as error:
                row |= {"error": str(error), "code": error.exit_code}
            outcome.rows.append(row)
    for row in outcome.rows:  # only now: each source may have seen more of a category's masks
        category = seen.get(str(row["category"]))
        row["masks"] = None if category is None else handed_on.of_masks(category)
    return outcome
