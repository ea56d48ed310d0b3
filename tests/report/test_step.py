import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.core import arrays, files, layout
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category
from adtool.core.errors import BadDataError, MissingInputError, PartialFailureError, UsageError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.limits import limit_file
from adtool.core.limits.limit_file import ExpectedForm, Limit, MadeFrom, RateForm
from adtool.core.steps import notes, step_run
from adtool.metrics import sorted_column
from adtool.report import sources
from adtool.report.config import ReportConfig
from adtool.report.step import Report, run

SIZE = (12, 16)
KINDS = {"good": 3, "hole": 2, "scratch": 2}
DATA = Path("data")
LIMIT = 0.5


def _mask() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[2:5, 3:7] = True
    return mask


def _dataset(root: Path, categories: Sequence[str] = ("part",), kinds: Mapping[str, int] = KINDS) -> None:
    rng = np.random.default_rng(0)
    for category in categories:
        arrays.write_png(root / category / "train/good/000.png", rng.integers(0, 255, (*SIZE, 3), np.uint8))
        for kind, count in kinds.items():
            for index in range(count):
                pixels = rng.integers(0, 255, (*SIZE, 3), np.uint8)
                arrays.write_png(root / category / f"test/{kind}/{index:03}.png", pixels)
                if kind != "good":
                    arrays.write_mask(root / category / f"ground_truth/{kind}/{index:03}_mask.png", _mask())


def _finish(out: Path, category: Category, data: Path, settings: Mapping[str, object]) -> None:
    run = step_run.StepRun("maps", out)
    identity = step_run.Identity("maps", settings, 0, {"images": category.fingerprint()})
    run.plan({category.name: identity}, {"data": data})
    with run.category(category.name, keep_going=False) as work:
        work.result |= {"image_score_rule": "the largest score", "classes": 3}  # `discover` notes their number


def _maps(out: Path = Path("maps"), data: Path = DATA, *, size: tuple[int, int] = SIZE, stop: str = "none") -> None:
    """Perfect maps: each mask itself, resized."""
    folder = MapsFolder(out)
    for category in read_dataset(data).categories.values():
        _finish(out, category, data, {"stop": stop})
        limit_file.write(out / category.name, Limit(value=LIMIT))
        rows = []
        for sample in category.test:
            mask = _mask() if sample.mask else np.zeros(SIZE, bool)
            scores = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_NEAREST)
            arrays.write_scores(folder.scores(category.name, sample.id), scores, float(scores.max()))
            rows.append({"id": sample.id, "kind": sample.kind, "image_score": float(scores.max()), "decision": "OK"})
        files.write_csv(folder.images(category.name), layout.IMAGES_COLUMNS, rows)


def _classes(assigned: Mapping[str, str], settings: Mapping[str, object]) -> None:
    """Classes by kind."""
    for category in read_dataset(DATA).categories.values():
        _finish(Path("classes"), category, DATA, settings)
        folder = ClassesFolder(Path("classes") / category.name)
        rows = [{"id": s.id, "kind": "?", "class": assigned[s.kind], "confidence": 1.0} for s in category.test]
        files.write_csv(folder.images, layout.CLASS_IMAGES_COLUMNS, rows)
        files.write_csv(folder.classes, layout.CLASSES_COLUMNS, [])


def _values(report: Report) -> dict[tuple[str, str, str], float]:
    rows = files.read_csv(report.out / "metrics.csv")
    return {(row["source"], row["category"], row["metric"]): float(row["value"] or "nan") for row in rows}


def _facts(report: Report, source: int = 0, category: int = 0) -> dict[str, object]:
    return report.as_json()["sources"][source]["categories"][category]  # type: ignore[index]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_perfect_maps_and_classes_give_ones_everywhere():
    _dataset(DATA, ["bolt", "nut"])
    _maps()
    _classes({"good": "normal", "hole": "c1", "scratch": "c2"}, {"classes": 3})
    report = run(ReportConfig())
    values = _values(report)
    assert len(values) == 3 * (14 + 4)  # two categories and the mean; metrics of maps and of classes
    assert all(
        value == pytest.approx(0 if metric == "false_alarms_at_limit" else 1)
        for (_, _, metric), value in values.items()
    )
    assert report.done == ["maps/bolt", "maps/nut", "classes/bolt", "classes/nut"]


def test_the_figures_are_the_same_with_little_memory(monkeypatch):
    _dataset(DATA)
    _maps()
    whole = _values(run(ReportConfig()))
    monkeypatch.setattr(sorted_column, "LEAST", 100)
    parts = run(ReportConfig(memory_gb=1e-6))
    assert _values(parts) == pytest.approx(whole, rel=1e-12)
    assert sorted(path.name for path in Path("report").iterdir()) == ["_step.json", "metrics.csv", "metrics.json"]


def test_the_document_states_what_the_figures_rest_on():
    _dataset(DATA)
    _maps()
    report = run(ReportConfig())
    facts = _facts(report)
    expected = {"images": 7, "defect_images": 4, "regions": 4, "pixels": 7 * 12 * 16, "tie_share": 0.0}
    assert {name: facts[name] for name in expected} == expected
    assert facts["image_score_rule"] == "the largest score"
    assert json.loads(Path("report/metrics.json").read_text()) == report.as_json()
    assert report.as_json()["mask_rule"] == (
        "decided for the folder: opaque, or any colour but black, or grey from half of what was painted on "
        "(4 by grey, painted with level 255)"
    )
    assert notes.read_note(Path("report")).state == "done"


def test_a_map_is_resized_to_its_mask():
    _dataset(DATA)
    _maps(size=(24, 32))
    assert _facts(run(ReportConfig()))["pixels"] == 7 * 12 * 16


def test_a_fixed_size_can_be_asked_for():
    _dataset(DATA)
    _maps()
    report = run(ReportConfig(eval_size=8))
    assert _facts(report)["pixels"] == 7 * 8 * 8
    assert any("at 8 x 8" in note for note in report.notes)
    definitions = {row["metric"]: row["definition"] for row in files.read_csv(Path("report/metrics.csv"))}
    assert "at 8 x 8 pixels" in definitions["aupro"]
    assert "at 8 x 8 pixels" not in definitions["image_auroc"]


def test_the_mean_leaves_out_categories_without_a_value_and_says_so():
    _dataset(DATA / "d", ["bolt"])
    _dataset(DATA / "d", ["nut"], {"hole": 2})
    _maps()
    report = run(ReportConfig())
    rows = {(row["category"], row["metric"]): row for row in files.read_csv(Path("report/metrics.csv"))}
    assert rows["nut", "image_auroc"]["value"] == ""
    assert rows["nut", "image_auroc"]["definition"].endswith("not computed: no normal images")
    assert float(rows["mean", "image_auroc"]["value"]) == 1
    assert rows["mean", "image_auroc"]["definition"].endswith("unweighted mean of 1 of 2 categories")
    lacking = (
        "balanced_accuracy, balanced_accuracy_oracle, f1_at_limit, false_alarms_at_limit, image_ap, image_auroc, "
        "image_f1max_oracle"
    )
    assert f"maps/nut: not computed, no normal images: {lacking}." in report.notes


def test_the_mean_is_not_weighted_by_images():
    _dataset(DATA, ["bolt"], {"good": 1, "hole": 9})
    _dataset(DATA, ["nut"], {"good": 1, "hole": 1})
    _classes({"good": "c1", "hole": "c1"}, {})
    values = _values(run(ReportConfig()))
    assert values["classes", "mean", "f1"] == pytest.approx((9 / 10 + 1 / 2) / 2)


def test_a_defect_image_without_mask_is_left_out_of_the_pixels_only():
    _dataset(DATA)
    _maps()
    (DATA / "part/ground_truth/hole/000_mask.png").unlink()
    report = run(ReportConfig())
    facts = _facts(report)
    assert (facts["images"], facts["defect_images_without_mask"], facts["pixels"]) == (7, 1, 6 * 12 * 16)
    assert "1 defect images without mask" in report.notes[1]


def test_a_test_image_without_a_map_is_counted():
    _dataset(DATA)
    _maps()
    Path("maps/part/test/hole/000.tiff").unlink()
    report = run(ReportConfig())
    assert (_facts(report)["images"], _facts(report)["images_without_map"]) == (6, 1)


def test_a_mask_of_another_size_names_both_files():
    _dataset(DATA)
    _maps()
    arrays.write_mask(DATA / "part/ground_truth/hole/000_mask.png", np.ones((5, 6), bool))
    with pytest.raises(BadDataError, match=r"000_mask.png is 6 x 5 pixels, but its image .*000.png is 16 x 12"):
        run(ReportConfig())
    assert not Path("report/metrics.csv").exists()


def test_one_bad_category_does_not_stop_the_others():
    _dataset(DATA, ["bolt", "nut"])
    _maps()
    arrays.write_mask(DATA / "nut/ground_truth/hole/000_mask.png", np.ones((5, 6), bool))
    report = run(ReportConfig())
    assert report.done == ["maps/bolt"]
    assert ("maps", "bolt", "aupro") in _values(report)
    assert "maps/nut" in report.as_json()["failed"]
    with pytest.raises(PartialFailureError, match="maps/nut"):
        report.raise_failures()


def test_unlabelled_images_give_a_reason_for_every_metric():
    for index in range(3):
        arrays.write_png(DATA / f"{index}.png", np.full((*SIZE, 3), 100, np.uint8))
    _maps()
    report = run(ReportConfig())
    assert all(np.isnan(value) for value in _values(report).values())
    assert any("no labels (the kind of every image is unknown)" in note for note in report.notes)
    assert _facts(report)["images_without_label"] == 3
    assert report.rows == [{"source": "maps", "category": "data", "images": 3, "result": "0 NOK"}]
    assert "maps/data: 3 images without labels, 0 NOK at the limit 0.5." in report.notes
    assert report.notes[0] == "The limit rejects 0 of 3 parts."
    assert not any("regions" in note or "nan" in note for note in report.notes)


def test_unlabelled_images_are_counted_by_decision_and_class():
    for index in range(3):
        arrays.write_png(DATA / f"{index}.png", np.full((*SIZE, 3), 100, np.uint8))
    _maps()
    table = MapsFolder(Path("maps")).images("data")
    files.write_csv(table, layout.IMAGES_COLUMNS, [{**row, "decision": "NOK"} for row in files.read_csv(table)])
    Path("maps/data/limit.json").unlink()
    with step_run.StepRun("maps", Path("maps")) as work:
        work.amend("data", {"threshold": -0.25})  # as earlier versions noted the limit
    _classes({"unknown": "c1"}, {})
    report = run(ReportConfig())
    assert [row["result"] for row in report.rows] == ["3 NOK", "c1 3"]
    assert "maps/data: 3 images without labels, 3 NOK at the limit -0.25." in report.notes


def test_a_metric_without_a_value_anywhere_is_no_row_of_the_table():
    _dataset(DATA)
    shutil.rmtree(DATA / "part/ground_truth")
    _maps()
    report = run(ReportConfig())
    assert {"image_auroc"} <= {row["metric"] for row in report.rows}
    assert not any("pixel" in str(row["metric"]) for row in report.rows)
    assert any("not computed" in note and "pixel_ap" in note for note in report.notes)


def test_the_first_sentence_says_what_the_limit_decided_and_what_was_expected():
    _dataset(DATA)
    _maps()
    rate = RateForm(rate=0.01, low=0.0, high=0.04)
    limit_file.write(Path("maps/part"), Limit(value=0.5, expected=ExpectedForm(false_alarms=rate)))
    report = run(ReportConfig())
    expected = "(expected 1 in 100, probably at most 1 in 25)"
    said = f"The limit rejects 0 of 3 good parts {expected} and finds 4 of 4 defective ones."
    assert report.notes[0] == report.headline == report.as_json()["decided"] == said
    assert _facts(report)["limit"] == 0.5
    limit_file.write(Path("maps/part"), Limit(value=-1.0, expected=ExpectedForm(false_alarms=rate)))
    said = run(ReportConfig(html=True)).headline  # 3 of 3: .04 ** 3
    assert "rejects 3 of 3 good parts" in said
    assert "more good parts than chance explains" in said
    assert "more good parts than chance explains" in Path("report/report.html").read_text(encoding="utf-8")


def test_what_the_limit_gives_is_undefined_without_one_and_never_0():
    _dataset(DATA, ["bolt", "nut"])
    _maps()
    limit_file.write(Path("maps/nut"), Limit(why="none was asked for"))
    report = run(ReportConfig())
    values = _values(report)
    at_limit = ("balanced_accuracy", "f1_at_limit", "false_alarms_at_limit", "found_at_limit")
    assert all(np.isnan(values["maps", "nut", metric]) for metric in at_limit)
    assert values["maps", "nut", "balanced_accuracy_oracle"] == 1
    assert values["maps", "mean", "found_at_limit"] == 1  # of the one category that has a limit
    assert f"maps/nut: not computed, no limit between OK and NOK: {', '.join(at_limit)}." in report.notes
    assert (
        report.headline
        == "The limit rejects 0 of 3 good parts and finds 4 of 4 defective ones. For nut there is no limit."
    )


def test_images_that_a_limit_was_set_by_are_in_no_figure_of_any_folder():
    _dataset(DATA)
    _maps()
    _classes({"good": "normal", "hole": "c1", "scratch": "c2"}, {})
    files.write_json(Path("classes/_step.json"), {**files.read_json(Path("classes/_step.json")), "maps": "maps"})
    answered = MadeFrom(answers=3, answered=["test/good/000", "test/hole/000", "test/hole/001"])
    limit_file.write(Path("maps/part"), Limit(value=LIMIT, rule="answers", made_from=answered))
    report = run(ReportConfig())
    facts = _facts(report)
    assert (facts["images"], facts["defect_images"], facts["regions"], facts["answered_or_added_left_out"]) == (
        4,
        2,
        2,
        3,
    )
    assert "3 answered or added left out" in report.notes[1]
    assert report.headline == "The limit rejects 0 of 2 good parts and finds 2 of 2 defective ones."
    assert (_facts(report, 1)["images"], _facts(report, 1)["answered_or_added_left_out"]) == (4, 3)
    alone = run(ReportConfig(folders=(Path("classes"),)))
    assert _facts(alone)["answered_or_added_left_out"] == 3


def test_maps_of_another_data_set_are_refused():
    _dataset(DATA)
    _maps()
    _dataset(Path("other"), kinds={"good": 2, "hole": 1})
    with pytest.raises(BadDataError, match="made from other images than those at other"):
        run(ReportConfig(data=Path("other")))


def test_foreign_maps_need_no_note_and_no_table():
    _dataset(DATA)
    _maps()
    for path in [*Path("maps").rglob("_step.json"), *Path("maps").rglob("images.csv")]:
        path.unlink()
    report = run(ReportConfig(folders=(Path("maps"),)))
    assert _values(report)["maps", "part", "image_auroc"] == 1
    assert "the one in the map's file" in str(_facts(report)["image_score_rule"])


def test_foreign_maps_whose_ids_do_not_fit_are_refused():
    _dataset(DATA)
    arrays.write_scores(Path("theirs/part/test/dent/001.tiff"), np.zeros(SIZE, np.float32), 0.0)
    with pytest.raises(BadDataError, match=r"theirs/part does not fit the data set: 1 .*'test/dent/001'"):
        run(ReportConfig(folders=(Path("theirs"),)))


def test_an_unfinished_category_is_left_out_and_named():
    _dataset(DATA, ["bolt", "nut"])
    _maps()
    note = files.read_json(Path("maps/nut/_step.json"))
    files.write_json(Path("maps/nut/_step.json"), {**note, "state": "running"})
    report = run(ReportConfig())
    assert report.done == ["maps/bolt"]
    assert "maps/nut is left out: it is not finished (running)." in report.notes


def test_nothing_finished_says_what_to_run():
    with pytest.raises(MissingInputError, match="Run `adtool maps` first"):
        run(ReportConfig())


def test_a_category_that_no_folder_has_is_named():
    _dataset(DATA)
    _maps()
    with pytest.raises(MissingInputError, match="no finished category bottle in maps"):
        run(ReportConfig(category=("bottle",)))


def test_folders_of_different_data_sets_are_named():
    _dataset(Path("data/one"))
    _dataset(Path("data/two"))
    _maps(Path("maps"), Path("data/one"))
    _maps(Path("refined"), Path("data/two"))
    with pytest.raises(BadDataError, match=r"maps from data/one, refined from data/two"):
        run(ReportConfig())


def test_combined_defects_are_left_out_of_the_classes_and_counted():
    _dataset(DATA, kinds={"good": 2, "hole": 2, "combined": 3})
    _classes({"good": "normal", "hole": "c1", "combined": "c2"}, {})
    report = run(ReportConfig())
    assert (_facts(report)["images"], _facts(report)["combined_left_out"]) == (4, 3)
    assert "3 combined left out" in report.notes[0]


def test_a_class_count_taken_from_the_labels_is_stamped_oracle():
    _dataset(DATA)
    _classes({"good": "normal", "hole": "c1", "scratch": "c2"}, {"classes": "oracle"})
    run(ReportConfig())
    assert all("oracle" in row["definition"] for row in files.read_csv(Path("report/metrics.csv")))


def test_maps_of_a_training_that_labels_stopped_are_stamped_oracle_and_what_was_made_of_them_too():
    _dataset(DATA)
    _maps(stop="oracle")
    run(ReportConfig())
    assert all("oracle" in row["definition"] for row in files.read_csv(Path("report/metrics.csv")))
    with step_run.StepRun("refine", Path("refined")) as work:
        work.plan({"part": step_run.Identity("refine", {}, 0, {})}, {"data": DATA, "maps": Path("maps")})
    assert sources.oracles(Path("refined"), "part") == "training stopped by an oracle"


@pytest.mark.parametrize("score", ["nan", "high", ""])
def test_an_image_score_that_is_no_number_is_refused(score):
    _dataset(DATA)
    _maps()
    table = MapsFolder(Path("maps")).images("part")
    rows = files.read_csv(table)
    files.write_csv(table, layout.IMAGES_COLUMNS, [{**row, "image_score": score} for row in rows])
    with pytest.raises(BadDataError, match="no finite number"):
        run(ReportConfig())


def test_a_map_without_a_row_is_refused():
    _dataset(DATA)
    _maps()
    table = MapsFolder(Path("maps")).images("part")
    files.write_csv(table, layout.IMAGES_COLUMNS, files.read_csv(table)[1:])
    with pytest.raises(BadDataError, match="lacks 1 image with a map"):
        run(ReportConfig())


def test_a_folder_that_is_not_ours_is_not_touched():
    _dataset(DATA)
    _maps()
    Path("report").mkdir()
    Path("report/thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        run(ReportConfig())
    assert sorted(path.name for path in Path("report").iterdir()) == ["thesis.txt"]


@pytest.mark.slow
def test_few_categories_are_columns_and_many_are_rows():
    _dataset(DATA, ["bolt", "nut"])
    _maps()
    assert list(run(ReportConfig()).rows[0]) == ["source", "metric", "bolt", "nut", "mean"]
    assert list(run(ReportConfig(category=("nut",))).rows[0]) == ["source", "metric", "nut"]
    _dataset(Path("many"), [f"part{index}" for index in range(6)], {"good": 1, "hole": 1})
    _maps(Path("more"), Path("many"))
    rows = run(ReportConfig(folders=(Path("more"),), out=Path("other"))).rows
    assert [row["category"] for row in rows] == [f"part{index}" for index in range(6)] + ["mean"]
    assert rows[0]["aupro"] == pytest.approx(1)
