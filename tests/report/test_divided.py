"""`report --workers N` writes what one process writes, byte for byte."""

import json
from pathlib import Path

import pytest

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import MachineError, PartialFailureError, UsageError
from adtool.core.shards import crews
from adtool.core.shards.jobs import Results, of_shards
from adtool.report import divided, handed_on
from adtool.report.config import ReportConfig
from adtool.report.step import run

ONE, TWO = Path("report_1"), Path("report_2")


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class InThisProcess:
    """Workers that are none, for what does not hang on processes."""

    count = 2

    def __init__(self, dies_at: str = "") -> None:
        self.dies_at = dies_at

    def tasks(self, names):
        return of_shards(self.count)

    def run(self, job):
        results = Results()
        for task in job.tasks:
            if self.dies_at in task.changes["category"]:
                results.failed[task.name] = MachineError("It was killed.")
                continue
            rows = divided.run(job.config.model_copy(update=task.changes)).rows
            results.done[task.name] = {"rows": json.loads(json.dumps(rows))}
        return results


@pytest.fixture
def crew(monkeypatch):
    """`crew(dies_at="b")`: what --workers asks for."""

    def use(**settings):
        monkeypatch.setattr(crews, "asked_for", lambda config: config.workers and InThisProcess(**settings))

    return use


@pytest.mark.slow
def test_two_workers_write_the_folder_of_one_process(finished):
    finished.make("a", "b", "c")
    alone = run(ReportConfig(out=ONE, html=True))
    both = run(ReportConfig(out=TWO, html=True, workers="2"))
    assert content(ONE).keys() == content(TWO).keys() >= {"metrics.csv", "metrics.json", "report.html", "_step.json"}
    for name, data in content(ONE).items():
        assert content(TWO)[name].replace(b"report_2", b"report_1") == data, name
    told = [[note.replace("report_2", "report_1") for note in report.notes] for report in (alone, both)]
    assert told[0] == told[1] and alone.rows == both.rows and alone.done == both.done
    assert alone.headline == both.headline


@pytest.mark.slow
def test_what_fails_in_a_worker_fails_as_in_one_process(finished, crew, caplog):
    crew()
    finished.make("a", "b", "c")
    next(Path("maps/b").rglob("*.tiff")).write_bytes(b"no map")
    Path("classes/c/images.csv").write_bytes(b"\xff\xfe")
    alone = run(ReportConfig(out=ONE))
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    both = run(ReportConfig(out=TWO, workers="2"))
    assert [record.getMessage() for record in caplog.records] == said
    assert content(ONE)["metrics.csv"] == content(TWO)["metrics.csv"]
    assert {k: (str(e), e.exit_code) for k, e in both.failed.items()} == {
        k: (str(e), e.exit_code) for k, e in alone.failed.items()
    }
    assert set(both.failed) == {"maps/b", "classes/c"}
    with pytest.raises(PartialFailureError):
        both.raise_failures()


def test_categories_of_a_worker_that_was_killed_fail_and_the_others_stand(finished, crew):
    crew(dies_at="b")
    finished.make("a", "b", "c")
    found = run(ReportConfig(out=TWO, workers="2"))
    assert found.done == ["maps/a", "maps/c", "classes/a", "classes/c"]
    assert {name: str(error) for name, error in found.failed.items()} == dict.fromkeys(
        ["maps/b", "classes/b"], "It was killed."
    )


def test_the_memory_is_divided_among_the_workers(finished, monkeypatch):
    finished.make("a", "b")
    seen = []

    class Crew(InThisProcess):
        def run(self, job):
            seen.append(job.config.memory_gb)
            return super().run(job)

    monkeypatch.setattr(crews, "asked_for", lambda config: Crew())
    run(ReportConfig(out=TWO, workers="2", memory_gb=3))
    assert seen == [1.5]


def test_a_category_is_handed_on_as_it_was_measured(finished, monkeypatch):
    finished.make("a")
    measured = []
    monkeypatch.setattr(
        handed_on, "of_report", lambda one, of_report=handed_on.of_report: measured.append(one) or of_report(one)
    )
    rows = json.loads(json.dumps(divided.run(ReportConfig(out=TWO, html=True)).rows))
    assert [(row["source"], row["category"]) for row in rows] == [("maps", "a"), ("classes", "a")]
    for row, report in zip(rows, measured, strict=True):
        found = handed_on.report(row["report"])
        assert repr(found.figures) == repr(report.figures)  # NaN is no equal of itself
        assert (found.source, found.category, found.taught_by) == (report.source, report.category, report.taught_by)
        assert (found.facts, found.decided) == (report.facts, report.decided)
    drawn = handed_on.report(rows[0]["report"]).curves
    assert set(drawn.of) == set(measured[0].curves.of) == {"image_roc", "image_pr", "pixel_roc", "pixel_pr", "pro"}
    for name, curve in drawn.of.items():
        assert (curve.x == measured[0].curves.of[name].x).all() and (curve.y == measured[0].curves.of[name].y).all()


def test_what_was_decided_of_masks_is_handed_on(finished):
    finished.make("a")
    category = read_dataset(Path("data/parts")).category("a")
    assert handed_on.of_masks(category) is None  # nobody asked
    _ = category.masks.decision
    category.masks.doubtful.add(Path("x.png"))
    values = json.loads(json.dumps(handed_on.of_masks(category)))
    again = read_dataset(Path("data/parts")).category("a")
    again = again.knowing_masks(handed_on.masks(values, again))
    assert again.masks == category.masks


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [("abcde", 2, ["ace", "bd"]), ("ab", 8, ["a", "b"]), ("abc", 1, ["abc"])],
)
def test_categories_are_shared_evenly_and_no_share_is_empty(names, count, expected):
    assert ["".join(share) for share in divided.shared(names, count)] == expected


def test_workers_are_noted_nowhere(finished, crew):
    crew()
    finished.make("a")
    run(ReportConfig(out=TWO, workers="2"))
    assert "workers" not in json.loads((TWO / "_step.json").read_text())["settings"]


def test_a_number_of_workers_that_is_none_is_refused(finished):
    finished.make("a")
    with pytest.raises((UsageError, ValueError), match="1 to 1024"):
        run(ReportConfig(out=TWO, workers="0"))
