"""report: metrics of finished folders.

Reads  maps/, refined/, classes/ (or the folders named), and the data set they were made from
Writes report/metrics.csv, report/metrics.json; report/report.html (--html), figures (--figures)

A report is computed anew each time, which takes seconds, so that it always shows what the folders hold.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adtool.core import files, json_files, layout
from adtool.core.checks import data_rules
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import AdtoolError, GateError
from adtool.core.masks import mask_reader
from adtool.core.pictures import survey
from adtool.core.shards import crews
from adtool.core.shards.jobs import Crew
from adtool.core.shards.options import WorkerOptions
from adtool.core.steps import notes, step_run, workspace_paths
from adtool.core.words import counted
from adtool.report import decided, delta, divided, gates, measuring, printed, sources, table, unlabelled
from adtool.report.config import ReportConfig
from adtool.report.figures import folder as figure_folder
from adtool.report.figures import style as figure_style
from adtool.report.gates import GateResult, judge
from adtool.report.html import answers, page
from adtool.report.html.gather import PageInput, views
from adtool.report.measuring import Measurable, measure
from adtool.report.sources import ReportSource
from adtool.report.table import CategoryReport

COMMAND = "report"
MEGA = 1e6

log = logging.getLogger("adtool")


@dataclass
class Report(step_run.Outcome):  # the one subclass: shown like every outcome, but as JSON it is metrics.json
    """What was measured."""

    document: dict[str, object] = field(default_factory=dict)
    gates: list[GateResult] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The content of metrics.json, and what failed."""
        gates = {"gates": [verdict.as_json() for verdict in self.gates]} if self.gates else {}
        return {**self.document, **gates, "failed": {name: str(error) for name, error in self.failed.items()}}

    def raise_failures(self) -> None:
        """Raise what went wrong; a gate that was not passed before anything else, as it was asked for."""
        failed = [verdict.sentence for verdict in self.gates if not verdict.is_passed]
        if failed:
            raise GateError(f"{len(failed)} of {len(self.gates)} gates failed.\n" + "\n".join(failed))
        super().raise_failures()


def run(config: ReportConfig) -> Report:
    """Measure every category of every source; one that fails does not stop the others.

    Raises:
        UsageError: a gate is on a metric that there is not.
        MissingInputError: there is nothing to report on.
        BadDataError: the sources were made from different data sets, or none of them fits.
    """
    gates.require_metrics(gates.asked(config))
    if config.figures is not None:
        figure_style.require()
        figure_folder.refuse_foreign(config.figures)
    crew, said = crews.asked_for(config), answers.read(config.answers, config.out)
    with step_run.StepRun(COMMAND, config.out) as work:  # refuses a folder that is not ours
        work.lock()
        return _report(config, said, crew)


def _report(config: ReportConfig, said: Mapping[tuple[str, str], str], crew: Crew | None) -> Report:
    """Measure, judge, describe, write."""
    result = Report(COMMAND, config.out)
    folders = sources.folders(config.folders)
    data = read_dataset(sources.noted_data(folders) if config.data is None else config.data)
    said = answers.placed(said, data)
    chain = sources.find(folders, data, config.category)
    places = {source.name: [*source.categories, *source.unfinished] for source in chain}
    gates.require_places(gates.asked(config), places)
    if config.delta is not None:
        delta.require(config.delta, chain)
    result.notes += [note for source in chain for note in source.unfinished.values()]
    reports, looked_at = [], dict[str, Category]()
    for source, name, measured in _measured(config, chain, data, looked_at, crew):
        if isinstance(measured, AdtoolError):
            known = {str(failure) for failure in result.failed.values()}
            if str(measured) not in known:  # a bad mask, say, fails every source
                log.error("%s/%s: %s", source.name, name, measured)
            result.failed[f"{source.name}/{name}"] = measured
        else:
            reports.append(measured)
            result.done.append(f"{source.name}/{name}")
    if not reports:
        result.raise_failures()
    data = replace(data, categories={**data.categories, **looked_at})
    _judge(result, reports, chain, config)
    folders_of = {source.name: source.path for source in chain}
    result.unread = decided.unread(reports, folders_of)
    _describe(result, reports, data, config)
    given = PageInput(data, folders_of, reports, said, result.headline, result.unread)
    result.notes += answers.sentences(views(given), said) if said else []
    _write(result, reports, config)
    if config.html:
        shown = page.write(config.out, given, result.notes)
        result.notes.append(f"Open {shown} in a browser: it is one file and needs no network.")
    if config.figures is not None:
        count = figure_folder.write(config.figures, given)
        told = f"{figure_folder.LIST} says what each shows"
        result.notes.append(f"{counted(count, 'figure')} in {config.figures}, as PNG and SVG; {told}.")
    return result


def _measured(
    config: ReportConfig,
    chain: Sequence[ReportSource],
    data: Dataset,
    looked_at: dict[str, Category],
    crew: Crew | None,
) -> Iterator[tuple[ReportSource, str, CategoryReport | AdtoolError]]:
    """Every category of every source, measured, or why it was not; fills `looked_at`, the categories as they were seen.

    Where there are workers they measure, and what they saw of masks is handed on.
    """
    work = None if crew is None else divided.measured(config, chain, crew)
    for source in chain:
        for name in source.categories:
            try:
                given = Measurable.of(chain, source, name, data)
                looked_at.setdefault(name, given.category if work is None else work.knowing(given.category))
                yield source, name, measure(given, config) if work is None else work.of(source.name, name)
            except AdtoolError as error:
                yield source, name, error


def _judge(
    result: Report, reports: Sequence[CategoryReport], chain: Sequence[ReportSource], config: ReportConfig
) -> None:
    """Hold the figures against what was asked for with `--min` and `--max`."""
    measured = {(report.source, report.category) for report in reports}
    wanted = {(source.name, name) for source in chain for name in (*source.categories, *source.unfinished)}
    result.gates = judge(gates.asked(config), reports, wanted - measured)


def _describe(result: Report, reports: Sequence[CategoryReport], data: Dataset, config: ReportConfig) -> None:
    """Say what the figures rest on, and why some are missing."""
    rule = _mask_rule(data, reports)
    result.rows = printed.rows(reports, config.layout, config.delta)
    result.text = printed.text(result.rows, config.format, printed.BY_METRIC if config.delta else config.layout)
    result.rows = result.rows or unlabelled.rows(reports)
    result.headline = decided.headline(reports)
    result.notes[:0] = [*([result.headline] if result.headline else []), *result.unread]
    result.notes += delta.remarks(config.delta, reports) if config.delta else []
    result.notes += [_sentence(report) for report in reports]
    if any("pixels" in report.facts for report in reports):
        result.notes.append(f"Defect pixels: {rule}. Pixel metrics at {measuring.size(config)}.")
    result.notes += [*table.gaps(reports), *_pictures(data)]
    result.notes += [verdict.sentence for verdict in result.gates if verdict.is_passed]  # the others end in the error
    result.document = {
        "command": COMMAND,
        "decided": result.headline,
        "data": workspace_paths.noted(data.path, config.out),
        "mask_rule": rule,
        "eval_size": config.eval_size or "mask",
        "sources": table.document(reports),
        **({"delta": {"sources": config.delta, "rows": result.rows}} if config.delta else {}),
        "notes": result.notes,
    }


def _mask_rule(data: Dataset, reports: Sequence[CategoryReport]) -> str:
    """What counts as a defect pixel; where that was decided from the masks, what was found in them."""
    measured = dict.fromkeys(report.category for report in reports if "pixels" in report.facts)
    found = dict.fromkeys(data.categories[name].masks.decision.text() for name in measured)
    if data.mask_rule != mask_reader.AUTO:
        return mask_reader.RULES[data.mask_rule]
    return f"{mask_reader.RULES[mask_reader.AUTO]} ({'; '.join(text for text in found if text) or 'no masks'})"


def _pictures(data: Dataset) -> list[str]:
    """What of the pictures and masks is not read, or in doubt."""
    doubtful = sorted(path for category in data.categories.values() for path in category.masks.doubtful)
    noun = "mask fits its image" if len(doubtful) == 1 else "masks fit their images"
    said = [f"{len(doubtful)} {noun} {data_rules.MASK_TURN_DO}: {survey.named(doubtful)}"] if doubtful else []
    return [*data.pictures.warnings(), *said]


def _sentence(report: CategoryReport) -> str:
    if unlabelled.is_one(report):
        return unlabelled.sentence(report)
    facts = report.facts
    said = [counted(facts["images"], "image")]
    if "pixels" in facts:
        said += [counted(facts["regions"], "region"), f"{facts['pixels'] / MEGA:.1f} M pixels"]
        said += [f"tie share {facts['tie_share']:.1e}"] if facts["tie_share"] is not None else []
        said += [f"image score: {facts['image_score_rule']}"]
    else:
        said += [counted(facts["kinds"], "kind"), counted(facts["classes"], "class")]
        if "regions" in facts:
            said.append(f"{counted(facts['regions'], 'region')}, {facts['regions_on_masks']} on masks")
    left = [
        f"{facts[name]} {name.replace('_', ' ')}"
        for name in facts
        if ("without" in name or "left_out" in name) and facts[name]
    ]
    return f"{report.source}/{report.category}: {', '.join(said)}" + (f"; {', '.join(left)}." if left else ".")


def _write(result: Report, reports: Sequence[CategoryReport], config: ReportConfig) -> None:
    settings = config.model_dump(mode="json", exclude={*WorkerOptions.model_fields})
    note = json_files.numbered({"command": COMMAND, "settings": settings, "sources": result.done})
    notes.write(config.out, note, notes.RUNNING)
    files.write_csv(config.out / "metrics.csv", layout.METRICS_COLUMNS, table.csv_rows(reports))
    files.write_json(config.out / "metrics.json", result.as_json())
    notes.write(config.out, note, notes.DONE)
